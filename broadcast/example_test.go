package broadcast_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// gateway stands for API Gateway and an apigw.Client.
type gateway struct {
	answers map[string]error // by connection; the message is accepted if there is none

	mu   sync.Mutex
	sent []string
}

func (g *gateway) Post(_ context.Context, to gatesock.Target, data []byte) error {
	if err := g.answers[to.ConnectionID]; err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, to.ConnectionID+" "+string(data))
	return nil
}

// show prints the messages of the gateway.
func (g *gateway) show() {
	slices.Sort(g.sent)
	for _, s := range g.sent {
		fmt.Println(s)
	}
	g.sent = nil
}

// storeOf returns a store with connections that have existed for an hour.
func storeOf(conns ...conn.Conn) conn.Store {
	store := conn.NewMemory()
	for _, c := range conns {
		c.ConnectedAt = time.Now().Add(-time.Hour)
		if err := store.Put(context.Background(), c); err != nil {
			panic(err)
		}
	}
	return store
}

// A message for everyone in a room except its sender. One of the members is gone, and is removed.
func Example() {
	store := storeOf(
		conn.Conn{ID: "ann", Groups: []string{"room:1"}},
		conn.Conn{ID: "bob", Groups: []string{"room:1"}},
		conn.Conn{ID: "cy", Groups: []string{"room:1"}},
	)
	client := &gateway{answers: map[string]error{"cy": gatesock.ErrGone}}
	b := broadcast.New(client, store)

	rep, err := b.Send(context.Background(), broadcast.To("room:1").Except("ann"), gatesock.Push{
		Event: "message", Topic: "room:1", Data: "hello",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client.show()
	fmt.Println("audience", rep.Audience, "delivered", rep.Delivered, "gone", rep.Gone, "pruned", rep.Pruned)
	// Output:
	// bob {"event":"message","topic":"room:1","data":"hello"}
	// audience 2 delivered 1 gone 1 pruned 1
}

// A message for all devices of a user.
func ExampleToUser() {
	store := storeOf(
		conn.Conn{ID: "laptop", User: "ann"},
		conn.Conn{ID: "phone", User: "ann"},
		conn.Conn{ID: "desktop", User: "bob"},
	)
	client := &gateway{}
	b := broadcast.New(client, store)

	_, err := b.Send(context.Background(), broadcast.ToUser("ann"), gatesock.Push{Event: "invoice", Data: 42})
	client.show()
	fmt.Println(err)
	// Output:
	// laptop {"event":"invoice","data":42}
	// phone {"event":"invoice","data":42}
	// <nil>
}

// Audiences combine: a member of two groups gets the message once.
func ExampleAudience() {
	store := storeOf(
		conn.Conn{ID: "c1", User: "ann", Groups: []string{"room:1"}},
		conn.Conn{ID: "c2", User: "ann", Groups: []string{"room:2"}},
		conn.Conn{ID: "c3", User: "bob", Groups: []string{"room:1", "room:2"}},
	)
	b := broadcast.New(&gateway{}, store)
	for _, to := range []broadcast.Audience{
		broadcast.To("room:1", "room:2"),
		broadcast.To("room:1").And(broadcast.ToConnections("c2")),
		broadcast.To("room:1", "room:2").ExceptGroups("room:1"),
	} {
		rep, err := b.Send(context.Background(), to, gatesock.Push{Event: "ping"})
		fmt.Println(rep.Delivered, err)
	}
	// Output:
	// 3 <nil>
	// 3 <nil>
	// 1 <nil>
}

// A message for everyone in a room except the user that sent it, on whatever device.
func ExampleAudience_ExceptUser() {
	store := storeOf(
		conn.Conn{ID: "laptop", User: "ann", Groups: []string{"room:1"}},
		conn.Conn{ID: "phone", User: "ann", Groups: []string{"room:1"}},
		conn.Conn{ID: "desktop", User: "bob", Groups: []string{"room:1"}},
	)
	client := &gateway{}
	b := broadcast.New(client, store)

	_, err := b.Send(context.Background(), broadcast.To("room:1").ExceptUser("ann"), gatesock.Push{Event: "typing"})
	client.show()
	fmt.Println(err)
	// Output:
	// desktop {"event":"typing","data":null}
	// <nil>
}

// What a Report counts, and the two errors: the send succeeded, although one member failed.
func ExampleReport() {
	store := storeOf(
		conn.Conn{ID: "ann", Groups: []string{"room:1"}},
		conn.Conn{ID: "bob", Groups: []string{"room:1"}},
		conn.Conn{ID: "cy", Groups: []string{"room:1"}},
	)
	client := &gateway{answers: map[string]error{"bob": gatesock.ErrGone, "cy": gatesock.ErrTooLarge}}
	b := broadcast.New(client, store)

	rep, err := b.Send(context.Background(), broadcast.To("room:1"), gatesock.Push{Event: "news"})
	fmt.Println("of", rep.Audience, "delivered", rep.Delivered, "gone", rep.Gone, "failed", rep.Failed)
	fmt.Println("the send:", err)
	err = cmp.Or(err, rep.Err())
	fmt.Println("its members:", errors.Is(err, gatesock.ErrTooLarge), rep.Errors[0].ConnectionID)
	// Output:
	// of 3 delivered 1 gone 1 failed 1
	// the send: <nil>
	// its members: true cy
}

// A send that runs out of time leaves a cursor. A later one continues there: together they reach
// every member once.
func ExampleResume() {
	store := storeOf(
		conn.Conn{ID: "ann", Groups: []string{"room:1"}},
		conn.Conn{ID: "bob", Groups: []string{"room:1"}},
		conn.Conn{ID: "cy", Groups: []string{"room:1"}},
	)
	client := &gateway{}
	b := broadcast.New(client, store, broadcast.WithDeadlineMargin(time.Minute))
	push := gatesock.Push{Event: "news"}

	short, cancel := context.WithTimeout(context.Background(), time.Minute) // no time beside the margin
	defer cancel()
	rep, err := b.Send(short, broadcast.To("room:1"), push)
	fmt.Println("delivered", rep.Delivered, "no time left:", errors.Is(err, broadcast.ErrDeadline))

	rep, err = b.Send(context.Background(), broadcast.Resume(rep.Cursor), push)
	fmt.Println("delivered", rep.Delivered, err)
	// Output:
	// delivered 0 no time left: true
	// delivered 3 <nil>
}

// jobs stands for a queue; package sqsrelay has a Relay for Amazon SQS.
type jobs struct{ encoded [][]byte }

func (q *jobs) Relay(_ context.Context, j broadcast.Job) error {
	q.encoded = append(q.encoded, j.Encode())
	return nil
}

// A handler that hands off its send at once answers its client after one message to the queue,
// however large the group is. Another invocation does the job.
func ExampleWithHandOffAfter() {
	ctx := context.Background()
	store := storeOf(
		conn.Conn{ID: "ann", Groups: []string{"room:1"}},
		conn.Conn{ID: "bob", Groups: []string{"room:1"}},
		conn.Conn{ID: "cy", Groups: []string{"room:1"}},
	)
	queue := &jobs{}
	b := broadcast.New(&gateway{}, store, broadcast.WithRelay(queue), broadcast.WithHandOffAfter(0))

	sent, err := b.Send(ctx, broadcast.To("room:1"), gatesock.Push{Event: "news"})
	fmt.Println("delivered", sent.Delivered, "handed off", len(sent.HandedOff), err)

	job, err := broadcast.ParseJob(queue.encoded[0]) // in another invocation
	if err != nil {
		fmt.Println(err)
		return
	}
	done, err := b.Run(ctx, job)
	fmt.Println("delivered", done.Delivered, err)

	total, missing := broadcast.MergeReports(sent.ID, sent, done)
	fmt.Println("together", total.Delivered, "of", total.Audience, "missing", missing)
	// Output:
	// delivered 0 handed off 1 <nil>
	// delivered 3 <nil>
	// together 3 of 3 missing []
}

// All connections of a user are closed, for example after a change of the password.
func ExampleBroadcaster_Disconnect() {
	store := storeOf(
		conn.Conn{ID: "laptop", User: "ann"},
		conn.Conn{ID: "phone", User: "ann"},
		conn.Conn{ID: "desktop", User: "bob"},
	)
	client := wstest.NewRecorder() // an apigw.Client
	b := broadcast.New(client, store)

	rep, err := b.Disconnect(context.Background(), broadcast.ToUser("ann"))
	fmt.Println("closed", rep.Delivered, len(client.Disconnects()), err)
	// Output:
	// closed 2 2 <nil>
}
