// Package workbench lets people and scripts see, break and script an application that runs in front
// of package emulator: a page and an HTTP API at /_gatesock/ of the emulator's address.
//
//	bench, err := workbench.New(workbench.Config{Name: "chat"})
//	stage := bench.Stage("dev")
//	gw, err := emulator.New(router, stage.Config(emulator.Config{Stage: "dev"}))
//	err = stage.Attach(gw)
//	server, err := emulator.Serve(ctx, gw, "localhost:3001")
//	fmt.Println(bench.URL(server.URL)) // http://localhost:3001/_gatesock/?token=…
//	defer bench.Close(ctx)
//
// [ListenAndServe] does all of that for a program with one stage. The command gatesock dev has a
// workbench too.
//
// The page shows connections, and what happens to them: frames in both directions, invocations with
// their events, posts and their status, and lines of logs. It sends messages as a client, opens
// clients, repeats frames, adds faults, closes connections, and moves the clock. What was recorded
// can be exported as HAR or as a test in Go.
//
// # Who may use it
//
// The programs of this machine that have the token. A request must come from a loopback address,
// for localhost, a name below it or a loopback address, and neither from a page of another origin
// nor from another machine through a proxy that says so (X-Forwarded-For). The
// page's address has the token, which a cookie replaces at once; scripts send it as
// "Authorization: Bearer TOKEN". Print the address where only the user reads it. Entries have all
// that clients send, such as credentials.
//
// # HTTP API
//
// Below /_gatesock/api/, in JSON. An error is {"error":"a sentence"} with a status that says whose
// it is. Bodies need the header Content-Type: application/json, and have at most 1 MiB. ID is a
// connection id, or %23 ("#") and the number of the handshake, such as %233; ?stage=NAME says which
// stage is meant if several have it.
//
//	GET    state                      stages, faults, clock, seed, schedules, queues, kinds of faults
//	GET    entries                    what was recorded: ?after=SEQ&limit=N&connection=ID
//	GET    stream                     the same as server-sent events, from ?after=SEQ on
//	GET    connections                those that are open, and the last that have ended
//	GET    connections/ID             one of them, with its handshake
//	POST   connections                opens a client: {"stage","headers","query","subprotocols",
//	                                  and "user","scopes","roles","attributes" or "authorizer"}
//	POST   connections/ID/messages    a message of the client: {"text" or "base64","binary",
//	                                  "fragmented"}
//	POST   connections/ID/post        a post by @connections: {"text" or "base64"}
//	POST   connections/ID/close       {"by":"gateway", "client" or "lost","code","reason"}
//	POST   faults                     {"stage","fault",…}: an emulator.FaultSpec
//	DELETE faults, faults/ID
//	POST   clock                      {"advance":"9m"}
//	POST   schedules/ID
//	POST   queues/NAME                {"body","group"}
//	GET    export/har, export/test    ?connection=ID, several times; for the test also package,
//	                                  name, new and imports, as in TestTemplate, the last separated
//	                                  by commas
//	POST   clear                      forgets what was recorded
//
// A message of a client is answered when the gateway has accepted it, so that messages come in the
// order of the requests. The gateway treats it as that of any client: one above 32 KiB must be
// "fragmented", or else the connection ends with 1009. With "user" or "authorizer" the API's
// authorizer is not asked: the client connects as if one of package authz had returned this
// principal, or any other one these values.
//
// The stream begins with an event "hello", which has the state. An event "entry" has an entry, and
// its id is "INSTANCE/SEQ". Sent back as Last-Event-ID it continues the stream; if the program was
// started again in the meantime, the stream begins anew. An event "state" comes when faults, clock,
// stages or what is kept have changed, and "dropped" has the range of entries that were forgotten
// before a slow reader got them.
//
// # Seed
//
// [Workbench.Seed] decides which faults by chance happen. With the same seed, the same actions in
// the same order, by the page or by scripts, cause the same entries, except for times, durations
// and ids. The first stage has that seed, and each other one another seed that depends on it and on
// the stage's name.
//
// # Cost
//
// The gateway waits for each event to be recorded: less than a microsecond, and three allocations.
// Nothing waits for pages. [Config.Entries] and [Config.Bytes] bound the memory.
package workbench
