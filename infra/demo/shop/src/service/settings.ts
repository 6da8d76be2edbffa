/** Settings come from the environment, which is where Kubernetes puts a Deployment's ConfigMaps. */

/** The value of `name`, or `fallback`; throws naming the variable when it is neither set nor defaulted. */
export function textSetting(name: string, fallback?: string): string {
  const value = process.env[name] ?? fallback;
  if (value === undefined || value === "") throw new Error(`setting ${name} is missing from the environment`);
  return value;
}

/** A finite number from `name`, or `fallback`; throws naming the variable and the text that is no number. */
export function numberSetting(name: string, fallback?: number): number {
  const text = textSetting(name, fallback?.toString());
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`setting ${name} must be a number, not "${text}"`);
  return value;
}

/** Where another Service listens, by the variables that Kubernetes gives each container. */
export function serviceAddress(service: string): { host: string; port: number } {
  const prefix = service.toUpperCase().replaceAll("-", "_");
  return { host: textSetting(`${prefix}_SERVICE_HOST`), port: numberSetting(`${prefix}_SERVICE_PORT`) };
}
