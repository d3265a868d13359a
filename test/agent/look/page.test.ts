import { expect, test } from "vitest";
import { namedFiles, pathWithin, showsDebug } from "../../../agent/look/page.ts";

test("names the stylesheets and scripts of a page, however they are written", () => {
  const html = `<!doctype html><link rel="stylesheet" href="/static/a.css"><LINK href='b.css?v=1&amp;w=2' rel='preload stylesheet'>
<link rel=stylesheet href=/c.css><link rel="icon" href="/favicon.ico"><link rel="canonical" href="/">
<script src="/static/d.js" defer></script><script>var src="/no.js"</script><script data-src="/no.js"></script>
<!-- <script src="/no.js"></script> --><noscript><link rel="stylesheet" href="/no.css"></noscript>
<script data-x="a > b" src=" https://cdn.example/e.js "></script><script src=""></script>`;
  expect(namedFiles(html)).toEqual([
    "/static/a.css",
    "b.css?v=1&w=2",
    "/c.css",
    "/static/d.js",
    "https://cdn.example/e.js",
  ]);
});

test("only what is on the site has a path", () => {
  const hosts = ["blog.example", "www.blog.example"];
  expect(pathWithin("a.css?x=1#top", "/blog/post/", hosts)).toBe("/blog/post/a.css?x=1");
  expect(pathWithin("//www.blog.example/a.css", "/", hosts)).toBe("/a.css");
  expect(pathWithin("http://blog.example/login/", "/", hosts)).toBe("/login/");
  for (const elsewhere of ["https://cdn.example/a.js", "data:text/css,a", "https://", "mailto:a@b.example"]) {
    expect(pathWithin(elsewhere, "/", hosts)).toBeUndefined();
  }
});

test("tells Django's page of an error from one that speaks of it", () => {
  const theirs = `<p>You’re seeing this error because you have <code>DEBUG = True</code> in\n your Django settings file.`;
  expect(showsDebug(theirs)).toBe(true);
  expect(showsDebug("<p>Never leave DEBUG = True in your settings.")).toBe(false);
});
