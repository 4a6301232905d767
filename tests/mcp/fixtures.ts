/**
 * What the conformance suite wants to find that a gateway of pipelines does not have: prompts,
 * completions, contents other than text, answers without a queue. Added to our server of each
 * request, they show that it carries them.
 */

import {
  type CallToolResult,
  type ContentBlock,
  type GetPromptResult,
  MissingRequiredClientCapabilityError,
  type Prompt,
  type PromptMessage,
  type ReadResourceResult,
  type Result,
  type Server,
  type ServerContext,
  type Tool,
} from "@modelcontextprotocol/server";
import { McpEndpoint } from "../../gateway/mcp/mcp.ts";
import { readEnvelope } from "../../gateway/mcp/resources.ts";
import { createServer, type Exchange } from "../../gateway/mcp/server.ts";
import { listTools } from "../../gateway/mcp/call.ts";

/** One red pixel. */
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/** A WAV file without a sample. */
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const IMAGE: ContentBlock = { type: "image", data: PNG, mimeType: "image/png" };

function text(text: string): ContentBlock & { type: "text" } {
  return { type: "text", text };
}

function embedded(uri: string, content: string, mimeType = "text/plain"): ContentBlock {
  return { type: "resource", resource: { uri, mimeType, text: content } };
}

const ADDRESS = {
  $anchor: "addressDef",
  type: "object",
  properties: { street: { type: "string" }, city: { type: "string" } },
};

/** A schema that a tools file cannot have: to see that it is listed as it is. */
const SCHEMA: Tool["inputSchema"] = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: { address: ADDRESS },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

type Answer = (
  args: Readonly<Record<string, unknown>>,
  ctx: ServerContext,
) => CallToolResult | Promise<CallToolResult>;

const TOOLS: Readonly<Record<string, Answer>> = {
  greet: ({ name }) => ({ content: [text(`Hello, ${name}!`)] }),
  json_schema_2020_12_tool: () => ({ content: [text("done")] }),
  test_image_content: () => ({ content: [IMAGE] }),
  test_audio_content: () => ({ content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }] }),
  test_embedded_resource: () => ({
    content: [embedded("test://embedded-resource", "This is an embedded resource content.")],
  }),
  test_multiple_content_types: () => ({
    content: [
      text("Multiple content types test:"),
      IMAGE,
      embedded("test://mixed-content-resource", '{"test":"data"}', "application/json"),
    ],
  }),
  async test_logging_tool(_args, ctx) {
    await ctx.mcpReq.log("info", "not for everybody");
    return { content: [text("logged")] };
  },
  test_streaming_elicitation: () => ({ content: [text("nothing to ask")] }),
  test_missing_capability() {
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
  },
};

const argument = (name: string) => ({ name, description: `the ${name}`, required: true });

const PROMPTS: readonly (Prompt & {
  messages: (args: Readonly<Record<string, string>>) => readonly ContentBlock[];
})[] = [
  { name: "test_simple_prompt", messages: () => [text("This is a simple prompt for testing.")] },
  {
    name: "test_prompt_with_arguments",
    arguments: [argument("arg1"), argument("arg2")],
    messages: ({ arg1, arg2 }) => [
      text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`),
    ],
  },
  {
    name: "test_prompt_with_embedded_resource",
    arguments: [argument("resourceUri")],
    messages: ({ resourceUri }) => [
      embedded(resourceUri!, "Embedded resource content for testing."),
      text("Please process the embedded resource above."),
    ],
  },
  { name: "test_prompt_with_image", messages: () => [IMAGE, text("Please analyze the image.")] },
];

function resource(uri: string): ReadResourceResult | undefined {
  if (uri === "test://static-text") {
    return { contents: [{ uri, mimeType: "text/plain", text: "a static text" }] };
  }
  if (uri === "test://static-binary") {
    return { contents: [{ uri, mimeType: "image/png", blob: PNG }] };
  }
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  return id === undefined
    ? undefined
    : { contents: [{ uri, mimeType: "application/json", text: JSON.stringify({ id }) }] };
}

function addPrompts(server: Server): void {
  server.setRequestHandler("prompts/list", () => ({
    prompts: PROMPTS.map(({ messages: _, ...prompt }) => ({ ...prompt, description: "a prompt" })),
  }));
  server.setRequestHandler("prompts/get", ({ params }): GetPromptResult => {
    const found = PROMPTS.find(({ name }) => name === params.name)!;
    const contents = found.messages(params.arguments ?? {});
    return { messages: contents.map((content): PromptMessage => ({ role: "user", content })) };
  });
  server.setRequestHandler("completion/complete", () => ({ completion: { values: [] } }));
}

function addResources(server: Server, { context }: Exchange): void {
  server.setRequestHandler("resources/list", () => ({
    resources: ["test://static-text", "test://static-binary"]
      .map((uri) => ({ uri, name: uri, description: "a resource" })),
  }));
  server.setRequestHandler(
    "resources/read",
    async ({ params: { uri } }) => resource(uri) ?? await readEnvelope(context.store, uri),
  );
}

function addTools(server: Server, { context }: Exchange, more: Record<string, Answer>): void {
  const tools = { ...TOOLS, ...more };
  const beside = Object.keys(tools).map((name) => ({
    name,
    description: "a fixture",
    inputSchema: name === "json_schema_2020_12_tool" ? SCHEMA : { type: "object" as const },
  }));
  server.setRequestHandler(
    "tools/list",
    () => ({ tools: [...listTools(context.tools()), ...beside] }),
  );
  const ours = server.fallbackRequestHandler;
  if (ours === undefined) return;
  server.fallbackRequestHandler = async (request, ctx): Promise<Result> => {
    const { name, arguments: args } = request.params as { name: string; arguments?: object };
    const answer = tools[name];
    return answer ? await answer({ ...args }, ctx) : await ours(request, ctx);
  };
}

/** Our endpoint with the fixtures beside the tools. */
export class FixtureEndpoint extends McpEndpoint {
  /** The server of one request. */
  protected override server(exchange: Exchange): Server {
    const server = createServer(exchange);
    server.registerCapabilities({ prompts: {}, completions: {}, logging: {} });
    addTools(server, exchange, {
      test_trigger_tool_change: () => {
        this.toolsChanged();
        return { content: [text("changed")] };
      },
    });
    addPrompts(server);
    addResources(server, exchange);
    return server;
  }
}
