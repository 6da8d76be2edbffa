import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";

/**
 * A template by its name, if the operator allows it on the host; `family` is its place in the configuration. Failures
 * `terminal/template_unknown`, `terminal/host_not_allowed`.
 */
export function templateFor<Template extends { readonly hosts: readonly string[] }>(
  templates: Readonly<Record<string, Template>>,
  family: string,
  name: string,
  host: string,
): Outcome<Template> {
  const template = Object.hasOwn(templates, name) ? templates[name] : undefined;
  if (template === undefined)
    return fail("terminal", "template_unknown", `No '${name}' is configured under ${family}.`);
  if (template.hosts.includes(host)) return ok(template);
  return fail("terminal", "host_not_allowed", `${family}.${name} does not name the host '${host}'.`);
}
