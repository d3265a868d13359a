/** Size of the ELF header, 64 bit, little-endian (elf(5)). */
const HEADER = 64;
const PROGRAM_HEADER = 56;

/**
 * An executable without what no program header maps, namely symbols and debug information at the end of the file.
 * The kernel and the loader read program headers only. @throws Error for anything but a 64-bit little-endian ELF.
 */
export function stripElf(file: Buffer): Buffer {
  if (file.length < HEADER || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new Error("not a 64-bit little-endian ELF file");
  }
  const start = Number(file.readBigUInt64LE(0x20));
  const size = file.readUInt16LE(0x36);
  const count = file.readUInt16LE(0x38);
  if (size !== PROGRAM_HEADER || count === 0) throw new Error("an ELF file without program headers");
  let end = start + size * count;
  for (let i = 0; i < count; i++) {
    const at = start + i * size;
    end = Math.max(end, Number(file.readBigUInt64LE(at + 8) + file.readBigUInt64LE(at + 32)));
  }
  if (end > file.length) throw new Error("an ELF file cut short");
  const stripped = Buffer.from(file.subarray(0, end));
  stripped.writeBigUInt64LE(0n, 0x28);
  // Entry size, count and name index of the section headers: there are none now.
  stripped.fill(0, 0x3a, 0x40);
  return stripped;
}
