package typescript

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/errorcode"
	"github.com/gatesock/gatesock/describe"
)

// errors writes the types of errors.
func (f *file) errors() {
	var codes []string
	f.print("\n/** The codes of the protocol. An application may have others, which clients treat as internal. */\nexport type ErrorCode =")
	for _, e := range errorcode.All() {
		codes = append(codes, "\n"+step+"/** "+e.Means+". Retry: "+e.Retry+". */\n"+step+"| "+quote(string(e.Code)))
	}
	f.print(strings.Join(codes, "") + ";\n" + apiError)
}

const apiError = `
/** An error of the application. */
export interface ApiError {
  code: ErrorCode | (string & {});
  /** A text for people, on which programs do not depend. */
  message: string;
  /** How many milliseconds to wait before the next try. */
  retryAfterMs?: number;
  /** Defined by the action. */
  details?: unknown;
}
`

// frames writes the types of whole messages.
func (f *file) frames() {
	e := f.app.Envelope
	request := inline(object{{e.Action, "R", false}, {e.ID, "string", true}}) + ` & Routes[R]["input"]`
	if e.Input != "" {
		request = inline(object{{e.Action, "R", false}, {e.ID, "string", true}, {e.Input, `Routes[R]["input"]`, false}})
	}
	f.print("\n/** What a client sends. */\nexport type RequestFrame<K extends keyof Routes = keyof Routes> = {\n" +
		"  [R in K]: " + request + ";\n}[K];\n")
	f.print("\n/** The reply to a request. */\nexport type ReplyFrame<K extends keyof Routes = keyof Routes> = {\n" +
		"  [R in K]: " + inline(object{{e.ID, "string", true}, {e.Action, "R", false}, {e.Data, `Routes[R]["output"]`, false}}) + ";\n}[K];\n")
	f.print("\n/** The answer to a message that failed. The id is what the client sent: a number only if that is what was wrong. */\n" +
		"export interface ErrorFrame " + inline(object{{e.ID, "string | number", true}, {e.Action, "string", false}, {e.Error, "ApiError", false}}) + "\n")
	f.print("\n/** A message without a request. */\nexport type PushFrame<K extends keyof Pushes = keyof Pushes> = {\n" +
		"  [E in K]: " + inline(object{{e.Event, "E", false}, {e.Topic, "string", true}, {e.Data, "Pushes[E]", false}}) + ";\n}[K];\n")
	f.print(gatewayFrame)
	f.received()
}

// received writes the type of all messages for clients, and that of results if there are any.
func (f *file) received() {
	e := f.app.Envelope
	var events []string
	for _, p := range f.app.Pushes {
		if f.app.IsResult(p.Event) {
			events = append(events, quote(p.Event))
		}
	}
	result := ""
	if len(events) > 0 {
		result = "ResultFrame | "
		names := strings.Join(events, " | ")
		f.print("\n/** The result of a request that was acknowledged before, with the id of the request. */\n" +
			"export type ResultFrame<K extends " + names + " = " + names + "> = {\n  [E in K]:\n    | " +
			inline(object{{e.Event, "E", false}, {e.ID, "string", true}, {e.Data, "Pushes[E]", false}}) + "\n    | " +
			inline(object{{e.Event, "E", false}, {e.ID, "string", true}, {e.Error, "ApiError", false}}) + ";\n}[K];\n")
	}
	f.print("\n/** What a client receives, apart from raw routes: several pushes may arrive as one array. */\n" +
		"export type Frame = ReplyFrame | ErrorFrame | PushFrame | PushFrame[] | " + result + "GatewayFrame;\n")
}

const gatewayFrame = `
/** What the gateway answers in place of the application. It has no id. */
export interface GatewayFrame {
  message: string;
  connectionId?: string;
  requestId?: string;
  messageId?: string;
}
`

// object is an object type on one line.
type object []struct {
	name, typ string
	optional  bool
}

// inline writes an object type. Of members with the same name the first counts.
func inline(o object) string {
	var parts, seen []string
	for _, m := range o {
		if slices.Contains(seen, m.name) {
			continue
		}
		seen = append(seen, m.name)
		mark := ""
		if m.optional {
			mark = "?"
		}
		parts = append(parts, key(m.name)+mark+": "+m.typ)
	}
	return "{ " + strings.Join(parts, "; ") + " }"
}

// constants writes what a client needs besides types.
func (f *file) constants() {
	e := f.app.Envelope
	f.print("\n/** The names of the members of frames. Without input, the members of an input stand beside action and id. */\n" +
		"export const envelope = {\n")
	for _, m := range [][2]string{
		{"action", e.Action}, {"id", e.ID}, {"data", e.Data}, {"error", e.Error}, {"event", e.Event}, {"topic", e.Topic}, {"input", e.Input},
	} {
		value := quote(m[1])
		if m[0] == "input" && m[1] == "" {
			value = "undefined"
		}
		f.printf("%s%s: %s,\n", step, m[0], value)
	}
	f.print("} as const;\n")

	var oneWay []string
	keepAlive := "undefined"
	for _, r := range f.app.Routes {
		if isCalled(r) && r.Answer == describe.AnswerNone {
			oneWay = append(oneWay, quote(r.Key))
		}
		if r.Answer == describe.AnswerMock && keepAlive == "undefined" {
			keepAlive = f.keepAlive(r)
		}
	}
	f.printf("\n/** The routes that never answer, not even with an error. */\nexport const oneWay = [%s] as const;\n", strings.Join(oneWay, ", "))
	f.print("\n/** The message that keeps a connection open at no cost, and its answer, both as they are sent; undefined if there is none. */\n" +
		"export const keepAlive = " + keepAlive + ";\n")
}

// protocolNames are the names of the wire format, the only ones that the client knows.
var protocolNames = describe.Envelope{ //nolint:gochecknoglobals // a constant
	Action: "action", ID: "id", Data: "data", Error: "error", Event: "event", Topic: "topic",
}

// client writes what the npm package gatesock has to know. Interfaces have no index signature; a
// type that is mapped from one does.
func (f *file) client() {
	f.print("\n/** The application, for the client of the npm package gatesock: connect<Api>({ url, ...api }). */\n" +
		"export interface Api {\n  routes: { [K in keyof Routes]: Routes[K] };\n  pushes: { [K in keyof Pushes]: Pushes[K] };\n}\n")
	var idempotent []string
	keepAlive := ""
	for _, r := range f.app.Routes {
		if isCalled(r) && r.Idempotent {
			idempotent = append(idempotent, quote(r.Key))
		}
		if r.Answer == describe.AnswerMock && keepAlive == "" {
			keepAlive = step + "keepAliveAction: " + quote(r.Key) + ",\n"
		}
	}
	f.printf("\n/** The options of the client that belong to the application. */\nexport const api = {\n%sidempotent: [%s],\n%s",
		step, strings.Join(idempotent, ", "), keepAlive)
	if f.app.Envelope != protocolNames {
		f.print(step + "envelope,\n") // the client refuses it, when it is compiled and when it runs
	}
	f.print("} as const;\n")
}

func (f *file) keepAlive(r describe.Route) string {
	message, err := json.Marshal(map[string]string{f.app.Envelope.Action: r.Key})
	if err != nil {
		f.fail(err)
	}
	return "{ message: " + quote(string(message)) + ", answer: " + quote(r.Mock) + " } as const"
}
