// Package gatesock routes the events of an Amazon API Gateway WebSocket API to handlers in a Lambda
// function.
//
//	type Add struct{ A, B int }
//
//	type Sum struct {
//		Sum int `json:"sum"`
//	}
//
//	func add(ctx context.Context, req *gatesock.Request, in Add) (Sum, error) {
//		return Sum{in.A + in.B}, nil
//	}
//
//	func main() {
//		r := gatesock.New()
//		r.Use(gatesock.Recover())
//		r.OnConnect(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
//			if req.Query.Get("token") == "" {
//				return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "a token is required")
//			}
//			return nil, nil
//		})
//		gatesock.HandleReply(r, "add", add)
//		gatesock.Start(r)
//	}
//
// A client sends {"action":"add","id":"1","a":1,"b":2} and receives
// {"id":"1","action":"add","data":{"sum":3}}. docs/protocol.md specifies the wire format. The same
// router runs on a developer's machine behind the gateway of package emulator, and in unit tests
// with package wstest.
//
// # Handlers
//
// [Handle] and [HandleReply] register typed handlers: they decode the message and check it before
// the handler runs. [Router.OnConnect], [Router.OnDisconnect], [Router.OnDefault] and
// [Router.HandleFunc] register untyped ones. Both kinds become a [HandlerFunc], and [Middleware]
// wraps it: [Router.Use] for all routes, [WithMiddleware] for one.
//
// A handler refuses a request by returning an [*Error], whose [Code] and message the client sees.
// Any other error is logged, and the client receives only [CodeInternal].
//
// # What the API needs
//
// [Router.Describe] lists the routes that the API must have. Every message route needs a route
// response; without one the gateway drops replies and errors (AWS Developer Guide, "Set up route
// responses for a WebSocket API"). With one, the gateway sends a frame for each message, and an
// empty frame if the handler has no answer (observed: serverless#6816). Clients ignore empty
// frames. A route that never answers is [OneWay] and needs no route response.
//
// A program that is started with the environment variable GATESOCK_DESCRIBE=1 prints its whole
// [Description]: routes with the types of their messages, and what [DeclarePush],
// [Router.DeclareLimit] and [Router.DeclareNeeds] declare. The command gatesock makes templates and
// documents from it; see package describe.
//
// # Existing clients
//
// [WithEnvelope] serves clients that use other names for the members of the wire format. [Raw] and
// [WithErrorFrame] serve other protocols.
//
// # Other events
//
// Package eventmux lets the same function serve other event sources: the API's authorizer, HTTP
// requests, queues, schedules. A handler that wraps a router or a mux must not hide its
// description; see [App] and [Wrap].
//
// # Sending to clients
//
// A [Poster] sends messages that no client has requested: the client of package apigw to one
// connection, the broadcaster of package broadcast to the groups that package conn tracks.
package gatesock
