// Package apigw calls the @connections endpoint of an API Gateway WebSocket API: it posts messages
// to connections, asks about connections and closes them.
//
//	client, err := apigw.New(apigw.EnvironmentCredentials(), "https://abc123.execute-api.eu-west-1.amazonaws.com/prod")
//	if err != nil {
//		return err
//	}
//	err = client.Post(ctx, gatesock.Target{ConnectionID: id}, []byte(`{"event":"hello"}`))
//	if errors.Is(err, gatesock.ErrGone) {
//		// The connection is closed: forget it.
//	}
//
// Make one [Client] per process and keep it: its open connections make posts cheap. To post to all
// members of a group use package broadcast, which also retries.
//
// # Endpoints
//
// An endpoint is the base URL of an API, without "/@connections":
//
//	https://abc123.execute-api.eu-west-1.amazonaws.com/prod   the API's own host, then the stage
//	https://ws.example.com/chat                               a custom domain, then the mapping key
//	https://ws.example.com                                    a custom domain without a mapping key
//	http://localhost:3001/dev                                 an emulator on this machine
//
// [EndpointFor] returns the endpoint that an event came through. Behind a custom domain the stage
// is not a part of the URL, so that the domain and the stage of an event do not make an endpoint
// there (observed: simple-websockets-chat-app#40). The URL does not name the region either: use
// [WithRegion].
//
// # The SDK
//
// [SDKClient] makes the same calls through the AWS SDK, for programs that need its middleware. A
// Client needs less time for a post; docs/performance.md in the repository has the figures. Both
// return the same errors for the same answers. They differ in what they send again: a Client
// repeats a request whose connection had died while idle, as its documentation describes. An
// SDKClient repeats Info and Disconnect as the SDK's retryer decides, and never repeats a post.
package apigw
