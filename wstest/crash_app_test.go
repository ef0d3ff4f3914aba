package wstest_test

import (
	"context"
	"slices"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// bistro is what outlives the process of an application that takes orders: its stores, and a bank.
type bistro struct {
	connections conn.Store
	rec         *wstest.Recorder

	mu     sync.Mutex
	orders []order
	keys   map[string]bool // of orders that were begun
	paid   []string        // the keys under which the bank was asked to pay
}

type order struct {
	Key  string `json:"key"`
	Item string `json:"item"`
}

func newBistro() *bistro {
	return &bistro{connections: conn.NewMemory(), rec: wstest.NewRecorder(), keys: map[string]bool{}}
}

// insert inserts an order. If unique, one with the same key is not inserted again.
func (b *bistro) insert(ctx context.Context, o order, unique bool) (inserted bool, err error) {
	err = wstest.CrashPoint(ctx, "orders.Insert", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		inserted = !unique || !slices.ContainsFunc(b.orders, func(other order) bool { return other.Key == o.Key })
		if inserted {
			b.orders = append(b.orders, o)
		}
		return nil
	})
	return inserted, err
}

// begin notes that an order has begun, and reports whether it had not.
func (b *bistro) begin(ctx context.Context, key string) (first bool, err error) {
	err = wstest.CrashPoint(ctx, "keys.Put", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		first, b.keys[key] = !b.keys[key], true
		return nil
	})
	return first, err
}

// pay asks the bank, which pays once for each key; without a key it always does.
func (b *bistro) pay(ctx context.Context, key string) error {
	return wstest.CrashPoint(ctx, "bank.Pay", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if key == "" || !slices.Contains(b.paid, key) {
			b.paid = append(b.paid, key)
		}
		return nil
	})
}

// waiter takes orders. The fields are what is wrong with it.
type waiter struct {
	forgetsKeys      bool // inserts an order again
	paysWithoutKey   bool // the bank cannot know that it was asked before
	marksFirst       bool // notes that an order is done before it does it
	tellsOnlyOnce    bool // pushes nothing for an order that is there
	remembersKitchen bool // knows only in memory who cooks
}

func (v waiter) app(b *bistro) lambda.Handler {
	var mu sync.Mutex
	var cooks []string
	send := broadcast.New(b.rec, b.connections)
	r := gatesock.New()
	r.Use(conn.Track(b.connections))
	gatesock.Handle(r, "cook", func(ctx context.Context, req *gatesock.Request, _ struct{}) error {
		if v.remembersKitchen {
			mu.Lock()
			defer mu.Unlock()
			cooks = append(cooks, req.ConnectionID)
			return nil
		}
		return b.connections.Join(ctx, req.ConnectionID, "kitchen")
	})
	tell := func(ctx context.Context, o order) error {
		push := gatesock.Push{Event: "order", Data: o}
		if !v.remembersKitchen {
			_, err := send.Send(ctx, broadcast.To("kitchen"), push)
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		frame, err := push.Encode(nil)
		for _, id := range cooks {
			err = b.rec.Post(ctx, gatesock.Target{ConnectionID: id}, frame)
		}
		return err
	}
	gatesock.Handle(r, "order", func(ctx context.Context, _ *gatesock.Request, o order) error {
		return v.take(ctx, b, o, tell)
	})
	return r
}

func (v waiter) take(ctx context.Context, b *bistro, o order, tell func(context.Context, order) error) error {
	if v.marksFirst {
		if first, err := b.begin(ctx, o.Key); err != nil || !first {
			return err
		}
	}
	key := o.Key
	if v.paysWithoutKey {
		key = ""
	}
	if err := b.pay(ctx, key); err != nil {
		return err
	}
	inserted, err := b.insert(ctx, o, !v.forgetsKeys)
	if err != nil || !inserted && v.tellsOnlyOnce {
		return err
	}
	return tell(ctx, o)
}
