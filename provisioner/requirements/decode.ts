/** Text of a file that some editor or shell wrote: PowerShell's `>` writes UTF-16, Notepad a byte order mark. Pure. */
export function decode(data: Uint8Array): string {
  const [first, second] = data;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(data);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(data);
  // Without a mark: ASCII in UTF-16 has a zero in every other byte.
  if (first !== 0 && second === 0) return new TextDecoder("utf-16le").decode(data);
  if (first === 0 && second !== 0) return new TextDecoder("utf-16be").decode(data);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    // Names and versions are ASCII; what else there is stands in comments.
    return new TextDecoder("latin1").decode(data);
  }
}
