/** Shown while the app does not answer. One line without quotes, `$` and backslashes, so that it fits a directive. */
export const sorryPage = [
  "<!doctype html><html lang=en><meta charset=utf-8>",
  "<meta name=viewport content=width=device-width>",
  "<title>Back in a moment</title>",
  "<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;margin:20vh auto;max-width:28rem;padding:0 1rem}</style>",
  "<h1>Back in a moment</h1>",
  "<p>This site is starting. Please try again in a few seconds.</p></html>",
].join("");
