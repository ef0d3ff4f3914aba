package broadcast_test

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// gateway stands for the real one: it knows which connections are closed.
type gateway struct {
	closed map[string]bool

	mu   sync.Mutex
	sent []string
}

func (g *gateway) Post(_ context.Context, to gatesock.Target, data []byte) error {
	if g.closed[to.ConnectionID] {
		return gatesock.ErrGone
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, to.ConnectionID+" "+string(data))
	return nil
}

func Example() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, id := range []string{"ann", "bob", "cy"} {
		if err := store.Put(ctx, conn.Conn{ID: id, Groups: []string{"room:1"}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	client := &gateway{closed: map[string]bool{"cy": true}} // an apigw.Client
	b := broadcast.New(client, store, broadcast.WithPruneGrace(0))

	rep, err := b.Send(ctx, broadcast.To("room:1").Except("ann"), gatesock.Push{
		Event: "message", Topic: "room:1", Data: "hello",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.sent)
	fmt.Println("audience", rep.Audience, "delivered", rep.Delivered, "gone", rep.Gone, "pruned", rep.Pruned)
	// Output:
	// [bob {"event":"message","topic":"room:1","data":"hello"}]
	// audience 2 delivered 1 gone 1 pruned 1
}

func ExampleAudience() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, c := range []conn.Conn{
		{ID: "c1", User: "ann", Groups: []string{"room:1"}},
		{ID: "c2", User: "ann", Groups: []string{"room:2"}},
		{ID: "c3", User: "bob", Groups: []string{"room:1", "room:2"}},
	} {
		if err := store.Put(ctx, c); err != nil {
			fmt.Println(err)
			return
		}
	}
	b := broadcast.New(&gateway{}, store)
	for _, to := range []broadcast.Audience{
		broadcast.To("room:1", "room:2"),
		broadcast.ToUser("ann"),
		broadcast.To("room:1").And(broadcast.ToConnections("c2")).Except("c3"),
	} {
		rep, err := b.Send(ctx, to, gatesock.Push{Event: "ping"})
		fmt.Println(rep.Delivered, err)
	}
	// Output:
	// 3 <nil>
	// 2 <nil>
	// 2 <nil>
}

// A message to everybody in a room but its sender, on whatever device. The error of the send is
// about the whole; that of the report is about its members.
func ExampleAudience_ExceptUser() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, c := range []conn.Conn{
		{ID: "laptop", User: "ann", Groups: []string{"room:1"}},
		{ID: "phone", User: "ann", Groups: []string{"room:1"}},
		{ID: "desktop", User: "bob", Groups: []string{"room:1"}},
	} {
		if err := store.Put(ctx, c); err != nil {
			fmt.Println(err)
			return
		}
	}
	client := &gateway{}
	b := broadcast.New(client, store)

	rep, err := b.Send(ctx, broadcast.To("room:1").ExceptUser("ann"), gatesock.Push{Event: "typing"})
	if err := cmp.Or(err, rep.Err()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.sent)
	// Output:
	// [desktop {"event":"typing","data":null}]
}

// queue stands for that of package sqsrelay: it keeps the jobs for another invocation.
type queue struct{ jobs []broadcast.Job }

func (q *queue) Relay(_ context.Context, j broadcast.Job) error {
	q.jobs = append(q.jobs, j)
	return nil
}

// A handler that hands its send on at once answers its caller after one message to the queue,
// however large the group.
func ExampleWithHandOffAfter() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, id := range []string{"ann", "bob", "cy"} {
		if err := store.Put(ctx, conn.Conn{ID: id, Groups: []string{"room:1"}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	q := &queue{}
	b := broadcast.New(&gateway{}, store, broadcast.WithRelay(q), broadcast.WithHandOffAfter(0))

	sent, err := b.Send(ctx, broadcast.To("room:1"), gatesock.Push{Event: "news"})
	fmt.Println("handed on:", len(sent.HandedOff), err)

	done, err := b.Run(ctx, q.jobs[0]) // in another invocation
	total, missing := broadcast.MergeReports(sent.ID, sent, done)
	fmt.Println("delivered:", total.Delivered, missing, err)
	// Output:
	// handed on: 1 <nil>
	// delivered: 3 [] <nil>
}

// All connections of a user are closed, as after a change of the password.
func ExampleBroadcaster_Disconnect() {
	ctx := context.Background()
	store := conn.NewMemory()
	for _, id := range []string{"laptop", "phone"} {
		if err := store.Put(ctx, conn.Conn{ID: id, User: "ann"}); err != nil {
			fmt.Println(err)
			return
		}
	}
	client := wstest.NewRecorder() // an apigw.Client
	b := broadcast.New(client, store)

	rep, err := b.Disconnect(ctx, broadcast.ToUser("ann"))
	fmt.Println("closed:", rep.Delivered, len(client.Disconnects()), err)
	// Output:
	// closed: 2 2 <nil>
}
