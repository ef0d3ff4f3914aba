// Package apigw posts to the clients of an API Gateway WebSocket API, over the API's own @connections
// endpoint.
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
// Make one [Client] per process and keep it: its open connections are what makes a post cheap. To reach the
// members of a group use package broadcast, which retries.
//
// # Two clients
//
// [Client] signs with a signer that was made for these requests, and has connections that were made for them too. A post
// costs it a sixth of what it costs the SDK's client as that comes.
// [SDKClient] goes through the SDK, for its middleware, or to compare. Both give the same errors for the same answers.
// They differ in what they send again: a Client repeats a request that met a connection which had died while idle, as
// its documentation says; an SDKClient repeats Info and Disconnect as the SDK's retryer says, and a post never.
//
// # Endpoints
//
// An endpoint is the base URL of the API without "/@connections". [ExecuteAPIEndpoint], [CustomDomainEndpoint] and [LoopbackEndpoint]
// build one; [EndpointFor] takes it from an event. Behind a custom domain the stage is not part of the
// address, so that the domain and the stage of an event, put together, are wrong there (observed:
// simple-websockets-chat-app#40); the region is not either, so that [WithRegion] has to say it.
package apigw
