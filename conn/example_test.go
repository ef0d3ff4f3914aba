package conn_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// event is what the gateway sends for a connection of ann.
func event(kind, connectionID, body string) []byte {
	route := map[string]string{"CONNECT": "$connect", "DISCONNECT": "$disconnect", "MESSAGE": "$default"}[kind]
	return fmt.Appendf(nil, `{"requestContext":{"routeKey":%q,"eventType":%q,"connectionId":%q,"connectedAt":%d,
		"authorizer":{"principalId":"ann","tenant":"t1"}},"body":%q}`,
		route, kind, connectionID, time.Now().UnixMilli(), body)
}

// A connection is registered while it is open, with its user, the other values of the authorizer,
// and with the groups that it has joined.
func ExampleTrack() {
	ctx := context.Background()
	store := conn.NewMemory()

	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(conn.Track(store, conn.WithEveryone()))
	type enter struct{ Room string }
	gatesock.Handle(r, "enter", func(ctx context.Context, req *gatesock.Request, in enter) error {
		return store.Join(ctx, req.ConnectionID, "room:"+in.Room)
	})

	for _, e := range [][]byte{
		event("CONNECT", "c1", ""),
		event("MESSAGE", "c1", `{"action":"enter","room":"1"}`),
	} {
		if _, err := r.Invoke(ctx, e); err != nil {
			log.Fatal(err)
		}
	}
	c, err := store.Get(ctx, "c1")
	fmt.Println(c.User, c.Authorizer(), c.Groups, err)

	if _, err := r.Invoke(ctx, event("DISCONNECT", "c1", "")); err != nil {
		log.Fatal(err)
	}
	_, err = store.Get(ctx, "c1")
	fmt.Println(err)
	// Output:
	// ann map[tenant:t1] [everyone room:1 user:ann] <nil>
	// conn: connection "c1" not found
}

// put registers connections without a gateway.
func put(store conn.Store, conns ...conn.Conn) {
	for _, c := range conns {
		if err := store.Put(context.Background(), c); err != nil {
			log.Fatal(err)
		}
	}
}

// The connections of a user are a group, so that a message reaches all of the user's devices.
func ExampleUserGroup() {
	ctx := context.Background()
	store := conn.NewMemory()
	put(store,
		conn.Conn{ID: "laptop", User: "ann"}, conn.Conn{ID: "phone", User: "ann"},
		conn.Conn{ID: "other", User: "bob"},
	)
	for m, err := range conn.Members(ctx, store, conn.UserGroup("ann")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.ID)
	}
	// Output:
	// laptop
	// phone
}

// Records returns users and attributes, for example to show the users in a room, each once.
func ExampleRecords_listTheUsersOfARoom() {
	ctx := context.Background()
	store := conn.NewMemory()
	room := []string{"room:1"}
	put(store,
		conn.Conn{ID: "c1", User: "ann", Groups: room}, conn.Conn{ID: "c2", User: "ann", Groups: room},
		conn.Conn{ID: "c3", User: "bob", Groups: room}, conn.Conn{ID: "c4", User: "eve"},
	)
	var users []string
	for c, err := range conn.Records(ctx, store, "room:1") {
		if err != nil {
			log.Fatal(err)
		}
		users = append(users, c.User)
	}
	slices.Sort(users)
	fmt.Println(slices.Compact(users))
	// Output: [ann bob]
}

// A page at a time, with a cursor that may be kept, for example to go on in another invocation.
func ExampleStore_readPages() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, id := range []string{"c1", "c2", "c3"} {
		put(store, conn.Conn{ID: id, Groups: []string{"room:1"}})
	}
	q := conn.Query{Group: "room:1", Shard: 0, Limit: 2}
	for {
		page, err := store.Read(ctx, q)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page.Members)
		if page.Next == "" {
			return
		}
		q.After = page.Next
	}
	// Output:
	// [{c1 } {c2 }]
	// [{c3 }]
}

// A room hears that a user has left, whatever has ended the connection.
func ExampleWithEnded_announceADeparture() {
	ctx := context.Background()
	store := conn.NewMemory(conn.WithEnded(func(_ context.Context, c conn.Conn, cause conn.EndCause) {
		if cause != conn.EndRefused { // its arrival was not announced
			fmt.Println(c.Attributes["name"], "has left", c.Groups, "cause:", cause)
		}
	}))
	put(store, conn.Conn{ID: "c1", Groups: []string{"room:1"}})
	if _, err := store.SetAttributes(ctx, "c1", map[string]string{"name": "Ann"}); err != nil {
		log.Fatal(err)
	}
	if _, err := store.Delete(conn.WithEndCause(ctx, conn.EndPruned), "c1"); err != nil {
		log.Fatal(err)
	}
	// Output: Ann has left [room:1] cause: pruned
}

// A user may have one connection at a time.
func ExampleWithLimitPerUser() {
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(conn.Track(conn.NewMemory(), conn.WithLimitPerUser(1)))
	for _, id := range []string{"c1", "c2"} {
		out, err := r.Invoke(context.Background(), event("CONNECT", id, ""))
		fmt.Println(id, string(out), err)
	}
	// Output:
	// c1 {"statusCode":200} <nil>
	// c2 {"statusCode":429} <nil>
}
