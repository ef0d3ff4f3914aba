package wstest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

const (
	pushers = 10
	pushes  = 10
)

// pushAll lets every client say something several times, all at the same time, and checks what each
// receives.
func pushAll(t *testing.T, clients []*wstest.Client) {
	t.Helper()
	for _, c := range clients {
		c.Request("join", nil).ExpectAck()
	}
	for i, c := range clients {
		for range len(clients) - 1 - i {
			c.ExpectPush("joined", nil)
		}
		c.ExpectNone()
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			for i := range pushes {
				c.Request("say", say{Text: fmt.Sprint(i)}).ExpectAck()
			}
		})
	}
	wg.Wait()
	for _, c := range clients {
		for range (len(clients) - 1) * pushes {
			c.ExpectPush("said", nil)
		}
		c.ExpectNone()
	}
}

func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	h := wstest.New(t, newRoom(rec), wstest.WithPoster(rec))
	clients := make([]*wstest.Client, pushers)
	for i := range clients {
		clients[i] = h.Connect(wstest.WithUser(fmt.Sprint("user ", i)))
	}
	pushAll(t, clients)
}

func TestManyRequestsAtOnceOverSockets(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	srv := wstest.NewServer(t, newRoom(rec), wstest.WithPoster(rec))
	clients := make([]*wstest.Client, pushers)
	for i := range clients {
		clients[i] = srv.Dial(t, wstest.WithUser(fmt.Sprint("user ", i)))
	}
	pushAll(t, clients)
}

// TestHeldHandler checks that a handler that blocks does not block those of other clients.
func TestHeldHandler(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	begun, release := make(chan struct{}), make(chan struct{})
	app := newRoom(rec)
	gatesock.Handle(app, "hold", func(ctx, *request, empty) error {
		close(begun)
		<-release
		return nil
	})
	h := wstest.New(t, app, wstest.WithPoster(rec))
	alice, bob := h.Connect(wstest.WithUser("alice")), h.Connect(wstest.WithUser("bob"))
	var wg sync.WaitGroup
	wg.Go(func() { alice.Request("hold", nil).ExpectAck() })
	<-begun
	alice.ExpectNone()
	bob.Request("join", nil).ExpectAck()
	bob.ExpectNone()
	close(release)
	wg.Wait()
	alice.ExpectNone()
}

// TestDisconnectedByTheHandler checks that a request also waits for the $disconnect after a call of
// the @connections API, although the call itself does not.
func TestDisconnectedByTheHandler(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	app := newRoom(rec)
	var h *wstest.Harness
	type kick struct{ Who string }
	gatesock.Handle(app, "kick", func(ctx context.Context, _ *request, in kick) error {
		return h.Gateway().Disconnect(ctx, to(in.Who))
	})
	h = wstest.New(t, app, wstest.WithPoster(rec))
	alice := h.Connect(wstest.WithUser("alice"))
	alice.Request("join", nil).ExpectAck()
	for range 50 {
		bob := h.Connect(wstest.WithUser("bob"))
		bob.Request("join", nil).ExpectAck()
		alice.ExpectPush("joined", nil)
		alice.Request("kick", kick{bob.ID()}).ExpectAck()
		alice.ExpectPush("left", nil)
		bob.ExpectClosed(1000)
		alice.ExpectNone()
		bob.ExpectNone()
	}
}
