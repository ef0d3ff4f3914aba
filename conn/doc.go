// Package conn tracks open connections and their groups.
//
// A [Store] keeps a record of each connection and the members of each group. [Track] keeps the
// store up to date as connections come and go; handlers call the store for everything else:
//
//	store := conn.NewMemory()
//	r := gatesock.New()
//	r.Use(conn.Track(store))
//	gatesock.Handle(r, "enter", func(ctx context.Context, req *gatesock.Request, in Enter) error {
//		return store.Join(ctx, req.ConnectionID, "room:"+in.Room)
//	})
//
//	for m, err := range conn.Members(ctx, store, "room:1") { … } // ids, to send to them
//	for c, err := range conn.Records(ctx, store, "room:1") { … } // users, attributes and groups
//
// The connections of a user are the group [UserGroup]; all connections are the group [Everyone],
// if [WithEveryone] is set. What an application knows about a connection is in its attributes
// ([Store.SetAttributes]). [WithEnded] sets a function that is called for each record that ends,
// for whatever reason, for example to announce that a user has left.
//
// API Gateway may report the end of a connection late, twice or never, so records also expire.
//
// Package dynamo has a Store that all instances of a function share. To test a Store of your own,
// use package conn/conntest.
package conn
