// Signs a PDF many times with one of the Node libraries: `node sign.mjs LIBRARY FILE.pdf CERTIFICATE.p12 OUT.pdf TIMES`.
// Prints the CPU milliseconds of each time as JSON; the last result is left in OUT.pdf.

import { readFile, writeFile } from "node:fs/promises";

const PASSWORD = "bench";
const [library, file, p12, out, times] = process.argv.slice(2);

const libraries = {
  /** Invisible: it draws no appearance. */
  async libpdf() {
    const { PDF, P12Signer } = await import("@libpdf/core");
    const signer = await P12Signer.create(new Uint8Array(await readFile(p12)), PASSWORD);
    return async (bytes) => {
      const pdf = await PDF.load(bytes);
      return (await pdf.sign({ signer, reason: "Bench", level: "B-B" })).bytes;
    };
  },

  /** Invisible; RSA only, and a signer is good for one signature. */
  async signpdf() {
    const { plainAddPlaceholder } = await import("@signpdf/placeholder-plain");
    const { P12Signer } = await import("@signpdf/signer-p12");
    const { SignPdf } = await import("@signpdf/signpdf");
    const { SUBFILTER_ETSI_CADES_DETACHED } = await import("@signpdf/utils");
    const key = await readFile(p12);
    return async (bytes) => {
      const prepared = plainAddPlaceholder({
        pdfBuffer: Buffer.from(bytes),
        reason: "Bench",
        contactInfo: "",
        name: "Bench",
        location: "",
        signatureLength: 8192,
        subFilter: SUBFILTER_ETSI_CADES_DETACHED,
      });
      return new SignPdf().sign(prepared, new P12Signer(key, { passphrase: PASSWORD }));
    };
  },
};

const sign = await libraries[library]();
const bytes = new Uint8Array(await readFile(file));
const spent = [];
let signed;
for (let n = 0; n < Number(times); n += 1) {
  const before = process.cpuUsage();
  signed = await sign(bytes.slice());
  const { user, system } = process.cpuUsage(before);
  spent.push((user + system) / 1000);
}
await writeFile(out, signed);
console.log(JSON.stringify(spent));
