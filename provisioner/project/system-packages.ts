/** Debian packages that Python packages need besides their wheels. Pure. */

/** Name (PEP 503) → packages of Debian 12 and 13. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  weasyprint: ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"],
  cairosvg: ["libcairo2"],
  "python-magic": ["libmagic1"],
  pdf2image: ["poppler-utils"],
  pytesseract: ["tesseract-ocr"],
  pyzbar: ["libzbar0"],
  pydub: ["ffmpeg"],
  "ffmpeg-python": ["ffmpeg"],
  wand: ["libmagickwand-7.q16-10"],
  "opencv-python": ["libgl1", "libglib2.0-0"],
  pygraphviz: ["graphviz"],
  graphviz: ["graphviz"],
  pypandoc: ["pandoc"],
};

export const GDAL_PACKAGES = ["gdal-bin"];

/** @param names of the project's packages. */
export const systemPackagesFor = (names: readonly string[]): string[] => [
  ...new Set(names.flatMap((name) => NEEDED[name.toLowerCase().replace(/[-_.]+/g, "-")] ?? [])),
];
