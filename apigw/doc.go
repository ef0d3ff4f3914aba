// Package apigw posts to the clients of an API Gateway WebSocket API, over the API's own @connections
// endpoint.
//
//	cfg, err := config.LoadDefaultConfig(ctx) // from aws-sdk-go-v2/config
//	if err != nil {
//		return err
//	}
//	client, err := apigw.New(cfg, "https://abc123.execute-api.eu-west-1.amazonaws.com/prod")
//	if err != nil {
//		return err
//	}
//	err = client.Post(ctx, gatesock.Target{ConnectionID: id}, []byte(`{"event":"hello"}`))
//	if errors.Is(err, gatesock.ErrGone) {
//		// The connection is closed: forget it.
//	}
//
// Make one [Client] per process and keep it: its open connections are what makes a post cheap. To reach the
// members of a group use package broadcast, which retries.
//
// # Endpoints
//
// An endpoint is the base URL of the API without "/@connections". [ExecuteAPI], [CustomDomain] and [Loopback]
// build one; [EndpointOf] takes it from an event. Behind a custom domain the stage is not part of the
// address, so that the domain and the stage of an event, put together, are wrong there (observed:
// simple-websockets-chat-app#40).
package apigw
