package conn_test

import (
	"context"
	"fmt"
	"log/slog"
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
			fmt.Println(err)
		}
	}
	c, err := store.Get(ctx, "c1")
	fmt.Println(c.User, c.Authorizer(), c.Groups, err)

	if _, err := r.Invoke(ctx, event("DISCONNECT", "c1", "")); err != nil {
		fmt.Println(err)
	}
	_, err = store.Get(ctx, "c1")
	fmt.Println(err)
	// Output:
	// ann map[tenant:t1] [everyone room:1 user:ann] <nil>
	// conn: connection "c1" not found
}

func ExampleMembers() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, id := range []string{"c1", "c2", "c3"} {
		if err := store.Put(ctx, conn.Conn{ID: id, User: "ann", Groups: []string{"room:1"}}); err != nil {
			fmt.Println(err)
		}
	}
	for m, err := range conn.Members(ctx, store, "room:1") {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(m.ID)
	}
	// Output:
	// c1
	// c2
	// c3
}

// The connections of a user are a group as any other.
func ExampleUserGroup() {
	ctx := context.Background()
	store := conn.NewMemory()
	for id, user := range map[string]string{"c1": "ann", "c2": "bob"} {
		if err := store.Put(ctx, conn.Conn{ID: id, User: user}); err != nil {
			fmt.Println(err)
		}
	}
	page, err := store.Read(ctx, conn.Query{Group: conn.UserGroup("bob")})
	fmt.Println(page.Members[0].ID, err)
	// Output:
	// c2 <nil>
}

// A page at a time, with a cursor that can be kept: to go on in another invocation, say.
func ExampleStore_read() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, id := range []string{"c1", "c2", "c3"} {
		if err := store.Put(ctx, conn.Conn{ID: id, Groups: []string{"room:1"}}); err != nil {
			fmt.Println(err)
		}
	}
	q := conn.Query{Group: "room:1", Shard: 0, Limit: 2}
	for {
		page, err := store.Read(ctx, q)
		if err != nil {
			fmt.Println(err)
			return
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

// Those in a room are told when somebody is not there any more, whatever has ended the
// connection.
func ExampleWithEnded() {
	ctx := context.Background()
	store := conn.NewMemory(conn.WithEnded(func(_ context.Context, c conn.Conn, cause conn.EndCause) {
		if cause != conn.EndRefused { // nobody was told that it has come
			fmt.Println(c.Attributes["name"], "has left", c.Groups, "as it was", cause)
		}
	}))
	if err := store.Put(ctx, conn.Conn{ID: "c1", Groups: []string{"room:1"}}); err != nil {
		fmt.Println(err)
	}
	if _, err := store.SetAttributes(ctx, "c1", map[string]string{"name": "Ann"}); err != nil {
		fmt.Println(err)
	}
	if _, err := store.Delete(conn.WithEndCause(ctx, conn.EndPruned), "c1"); err != nil {
		fmt.Println(err)
	}
	// Output: Ann has left [room:1] as it was pruned
}
