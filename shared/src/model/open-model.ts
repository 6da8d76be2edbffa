import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { reasonOf } from "../outcome.ts";
import type { ModelConfig } from "./config.ts";
import { ModelGateway } from "./gateway.ts";
import type { Chat, Model } from "./model.ts";

/**
 * The model that the config names, or none. LangChain takes about 100 MB and a second or two to load, so that only a process with a model
 * loads it: now, in the background, for the first question not to wait.
 */
export function openModel(
  config: ModelConfig,
  around: { readonly clock: Clock; readonly log: Log },
): Model | undefined {
  if (config.name === "") return undefined;
  const loading = import("./openai-chat.ts").then(({ OpenAiChat }): Chat => new OpenAiChat(config));
  loading.catch((error: unknown) =>
    around.log.error({ reason: reasonOf(error) }, "the model's client can't be loaded"),
  );
  const chat: Chat = {
    async complete(request) {
      return await (await loading).complete(request);
    },
  };
  around.log.info({ model: config.name, baseUrl: config.baseUrl }, "a model gives second opinions");
  return new ModelGateway(config, { ...around, chat });
}
