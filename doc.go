// Package gatesock routes the events of an Amazon API Gateway WebSocket API to handlers in a Lambda function.
//
//	func main() {
//		r := gatesock.New()
//		r.Use(gatesock.Recover())
//		r.Connect(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
//			if req.Query.Get("token") == "" {
//				return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "a token is needed")
//			}
//			return nil, nil
//		})
//		gatesock.HandleReply(r, "add", func(ctx context.Context, req *gatesock.Request, in Add) (Sum, error) {
//			return Sum{in.A + in.B}, nil
//		})
//		gatesock.Start(r)
//	}
//
// A client sends {"action":"add","id":"1","a":1,"b":2} and receives {"id":"1","action":"add","data":{"sum":3}}; the
// wire format is specified in docs/protocol.md. The same router runs on a developer's machine behind the gateway
// of package emulator, and in unit tests with package wstest.
//
// # Handlers
//
// Typed handlers are registered by [Handle] and [HandleReply]; they and the untyped ones of [Router.OnConnect],
// [Router.OnDisconnect], [Router.OnDefault] and [Router.HandleFunc] reduce to a [HandlerFunc], which [Middleware] wraps.
// An [*Error] carries a [Code] and a public message to the client; of any other error the client learns
// nothing, and the log everything.
//
// # What the API needs
//
// [Router.Routes] lists the routes. Every message route needs a route response, without which the gateway
// drops replies and errors (AWS Developer Guide, "Set up route responses for a WebSocket API"). With a route
// response the gateway sends a frame for each message, an empty one if the handler has nothing to say
// (observed: serverless#6816); clients ignore empty frames. A route that never answers is [OneWay], and needs none.
//
// # Clients that exist already
//
// [WithEnvelope] serves clients that call the members of the envelope by other names; [Raw] and [WithErrorFrame] are for
// protocols that have none.
//
// # Other events
//
// Package eventmux lets the same function serve other sources of events: the authorizer, HTTP requests, queues,
// schedules. What is wrapped around a router or a mux should not hide what they tell about themselves; see [App] and [Wrap].
//
// # Sending to clients
//
// Messages that answer no request are sent by a [Poster]: the client of package apigw for one connection, and
// the broadcaster of package broadcast for the groups that package conn keeps.
package gatesock
