/** [stages.NAME] is no key of the schema: a stage is the same schema once more, with most of it taken over. */
export const stages = {
  description:
    "A stage is the same project as a site of its own, named <site>-<stage>: `everspot up --stage dev`. It needs a domain of its own, has no aliases unless it names them, and overrides any other key but site.",
  example: `[stages.dev]
domain = "dev.guestbook.example.com"

[stages.dev.app]
workers = 1
`,
};
