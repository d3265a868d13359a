import type { Template, Version } from "./launch-templates.ts";

/** The tags EC2 itself puts on an instance that came from a launch template. */
export const templateTags = (template: Template, version: Version): { Key: string; Value: string }[] => [
  { Key: "aws:ec2launchtemplate:id", Value: template.id },
  { Key: "aws:ec2launchtemplate:version", Value: String(version.number) },
];
