import { expect, test } from "vitest";
import type { BakedImage } from "../../../provisioner/aws/baked-images.ts";
import { newestBaked, obsoleteImages } from "../../../provisioner/seen/choose.ts";

const image = (id: string, more: Partial<BakedImage> = {}): BakedImage => ({
  ...{ id, state: "available", base: "ami-debian", from: "i-1", arch: "x86_64", size: 8 },
  ...{ created: new Date(2026, 10, Number(id.slice(-1))), rootDevice: "/dev/xvda", snapshot: `snap-${id}` },
  ...more,
});
const ids = (images: readonly BakedImage[]) => images.map((i) => i.id);
const fit = { base: "ami-debian", arch: "x86_64", disk: 10 };

test("launched is the newest that is whole, of the same Debian, for the processor, and fits the disk", () => {
  const images = [
    image("ami-1"),
    image("ami-2"),
    image("ami-3", { state: "pending" }),
    image("ami-4", { state: "disabled" }),
    image("ami-5", { base: "ami-newer-debian" }),
    image("ami-6", { arch: "arm64" }),
    image("ami-7", { size: 12 }),
  ];
  expect(newestBaked(images, fit)?.id).toBe("ami-2");
  expect(newestBaked(images, { ...fit, disk: 12 })?.id).toBe("ami-7");
  expect(newestBaked(images, { ...fit, base: undefined })).toBeUndefined();
});

const three = [image("ami-3"), image("ami-2"), image("ami-1")];

test("once an instance of the newest has the site, all others go, also ones that failed", () => {
  expect(ids(obsoleteImages([...three, image("ami-0", { state: "failed" })], "ami-3", "ami-3"))).toEqual([
    "ami-2",
    "ami-1",
    "ami-0",
  ]);
});

test("until then the one that the owner came from stays, or else the newest other", () => {
  expect(ids(obsoleteImages(three, "ami-3", "ami-1"))).toEqual(["ami-2"]);
  expect(ids(obsoleteImages(three, "ami-3", "ami-debian"))).toEqual(["ami-1"]);
  expect(ids(obsoleteImages(three, "ami-3", undefined))).toEqual(["ami-1"]);
  expect(obsoleteImages([image("ami-3")], "ami-3", "ami-debian")).toEqual([]);
});

test("after a return to Debian's image all go when that has proven itself", () => {
  expect(ids(obsoleteImages(three, "ami-debian", "ami-3"))).toEqual(["ami-2", "ami-1"]);
  expect(obsoleteImages(three, "ami-debian", "ami-debian")).toHaveLength(3);
});

test("one that is being made is left to whoever makes it", () => {
  expect(obsoleteImages([image("ami-4", { state: "pending" }), image("ami-3")], "ami-3", "ami-3")).toEqual(
    [],
  );
});
