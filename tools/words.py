"""The catalogue: every sentence that the code and the pages mark, and its translations (`make words`).

    .venv/bin/python tools/words.py       bring bff/translations in line with the code; say what is not translated yet

A sentence is its own key, in English. What is new in the code is added with an empty translation, what is gone from the
code goes, and the rest stays as it is: nothing is guessed from similar sentences. The file holds no dates, no line
numbers and no names of machines, and is sorted, so that two branches that add a sentence each merge without a quarrel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
TRANSLATIONS = ROOT / "bff" / "translations"
LANGUAGES = ("zh_Hans_CN",)
SOURCES = [("bff/**.py", "python"), ("web/pages/**.html", "jinja2.ext:babel_extract")]
KEYWORDS = {**DEFAULT_KEYWORDS, "_": None, "mark": None}

HEADER = """# The words of Countersign in {language}. Sentences come and go with `make words`; write only msgstr lines.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural};\\n"

"""


def main() -> int:
    wanted = marked()
    lacking = 0
    for language in LANGUAGES:
        catalogue = renewed(wanted, known(language))
        file(language).parent.mkdir(parents=True, exist_ok=True)
        file(language).write_bytes(written(catalogue))
        for sentence in untranslated(catalogue):
            lacking += 1
            print(f"words: not yet in {language}: {sentence}")
    print(f"words: {len(wanted)} sentences, {lacking} to be translated")
    return 0


def marked() -> Catalog:
    """Every sentence that is marked in the code and in the pages."""
    catalogue = Catalog()
    found = extract_from_dir(ROOT, method_map=SOURCES, keywords=KEYWORDS, directory_filter=_is_ours)
    for _file, _line, sentence, comments, context in found:
        catalogue.add(sentence, None, auto_comments=comments, context=context)
    return catalogue


def _is_ours(folder: str | bytes) -> bool:
    """Only the rooms with words in them: not node_modules, not the virtual environment, not what was vendored."""
    parts = Path(str(folder)).relative_to(ROOT).parts
    return parts[0] == "bff" or parts in (("web",), ("web", "pages"))


def known(language: str) -> Catalog:
    """The catalogue as it lies in the repository; an empty one for a new language."""
    if not file(language).exists():
        return Catalog(locale=language)
    with file(language).open("rb") as lying:
        return read_po(lying, locale=language)


def renewed(wanted: Catalog, old: Catalog) -> Catalog:
    """What is wanted, with the translations that there are."""
    fresh = Catalog(locale=old.locale)
    for message in wanted:
        if message.id:
            before = old.get(message.id, message.context)
            fresh.add(message.id, before.string if before else None, context=message.context)
    return fresh


def written(catalogue: Catalog) -> bytes:
    """The file, the same for the same words."""
    buffer = BytesIO()
    write_po(buffer, catalogue, width=120, no_location=True, omit_header=True, sort_output=True)
    head = HEADER.format(language=catalogue.locale_identifier, plural=catalogue.plural_forms.rstrip(";"))
    return head.encode() + buffer.getvalue().rstrip(b"\n") + b"\n"


def untranslated(catalogue: Catalog) -> Iterator[str]:
    for message in catalogue:
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not all(forms):
            yield message.id if isinstance(message.id, str) else message.id[0]


def file(language: str) -> Path:
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


if __name__ == "__main__":
    sys.exit(main())
