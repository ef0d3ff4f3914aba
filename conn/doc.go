// Package conn keeps who is connected and in which groups.
//
// A [Store] holds a record for each connection and the members of each group; [Memory] is one for a single
// process. [Track] keeps it true as connections come and go; handlers call it for the rest:
//
//	store := conn.NewMemory()
//	r := gatesock.New()
//	r.Use(conn.Track(store))
//	gatesock.Handle(r, "enter", func(ctx context.Context, req *gatesock.Request, in Enter) error {
//		return store.Join(ctx, req.ConnectionID, "room:"+in.Room)
//	})
//
//	for m, err := range conn.Members(ctx, store, "room:1") { … } // the ids, as a broadcast reads them
//	for c, err := range conn.Records(ctx, store, "room:1") { … } // users, attributes and groups, too
//
// What an application knows of a connection is in its attributes, which [Store.SetAttributes] changes. [WithEnded] has a
// function called for each record that ends, whatever has ended it, to say "left".
//
// A user's connections are the group [UserGroup]; all connections are [Everyone] where [WithEveryone] asks for
// it. The gateway may announce the end of a connection late, twice or never, so records also expire.
//
// Who writes a Store runs package conn/conntest against it.
package conn
