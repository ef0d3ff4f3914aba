package wstest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// stage is a gateway of one front, with an application that reports its events.
type stage struct {
	*wstest.Harness
	t       *testing.T
	api     gatesock.ConnectionsAPI
	connect func(...wstest.ConnectOption) *wstest.Client
	refused func(...wstest.ConnectOption) int
	events  chan string              // what the application got, such as "message hello"
	meeting sync.WaitGroup           // of the handlers of messages "meet"
	faults  chan emulator.FaultEvent // what has happened
}

// fronts returns the ways to a gateway: in memory, over sockets, and over sockets with calls of
// @connections over HTTP.
func fronts() map[string]func(t *testing.T, opts ...wstest.Option) *stage {
	overSockets := func(api func(*wstest.Server) gatesock.ConnectionsAPI) func(*testing.T, ...wstest.Option) *stage {
		return func(t *testing.T, opts ...wstest.Option) *stage {
			t.Helper()
			s := newStage(t)
			manual := wstest.WithConfig(func(c *emulator.Config) { c.Clock = emulator.NewManualClock(time.Now()) })
			srv := wstest.NewServer(t, s.app(), append([]wstest.Option{manual}, opts...)...)
			s.use(srv.Harness)
			s.api = api(srv)
			s.connect = func(opts ...wstest.ConnectOption) *wstest.Client { return srv.Dial(t, opts...) }
			s.refused = func(opts ...wstest.ConnectOption) int { return srv.DialRefused(t, opts...) }
			return s
		}
	}
	return map[string]func(t *testing.T, opts ...wstest.Option) *stage{
		"in memory": func(t *testing.T, opts ...wstest.Option) *stage {
			t.Helper()
			s := newStage(t)
			s.use(wstest.New(t, s.app(), opts...))
			s.api, s.connect, s.refused = s.Gateway(), s.Connect, s.ConnectRefused
			return s
		},
		"sockets": overSockets(func(srv *wstest.Server) gatesock.ConnectionsAPI { return srv.Gateway() }),
		"sockets and HTTP": overSockets(func(srv *wstest.Server) gatesock.ConnectionsAPI {
			api, err := apigw.New(nil, srv.Endpoint)
			if err != nil {
				panic(err)
			}
			return closing{api}
		}),
	}
}

// closing is a client that leaves no connection open.
type closing struct{ *apigw.Client }

func (c closing) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	defer c.CloseIdleConnections()
	return c.Client.Post(ctx, to, data)
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{t: t, events: make(chan string, 100), faults: make(chan emulator.FaultEvent, 100)}
}

func (s *stage) use(h *wstest.Harness) {
	s.Harness = h
	h.Faults().OnFault(func(e emulator.FaultEvent) { s.faults <- e })
}

// app returns an application that reports its events and answers messages with their body.
func (s *stage) app() *gatesock.Router {
	r := gatesock.New()
	r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		s.events <- gatesock.RouteConnect
		return nil, nil
	})
	r.OnDisconnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		s.events <- fmt.Sprint(gatesock.RouteDisconnect, " ", req.DisconnectCode)
		return nil, nil
	})
	r.OnDefault(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if string(req.Body) == "meet" {
			s.meeting.Done()
			s.meeting.Wait()
		}
		s.events <- "message " + string(req.Body)
		return nil, nil
	})
	return r
}

// event requires the next event of the application. It waits for it.
func (s *stage) event(want string) {
	s.t.Helper()
	require.Equal(s.t, want, <-s.events)
}

// none requires that no more events have come.
func (s *stage) none() {
	s.t.Helper()
	require.NoError(s.t, s.Gateway().Quiesce(s.t.Context()))
	require.Empty(s.t, s.events)
}

// fault requires the next fault that happens, and returns it. It waits for it.
func (s *stage) fault(want emulator.Fault) emulator.FaultEvent {
	s.t.Helper()
	e := <-s.faults
	require.Equal(s.t, want.Name(), e.Fault.Name())
	return e
}

// open connects a client whose $connect has been reported.
func (s *stage) open() *wstest.Client {
	s.t.Helper()
	c := s.connect()
	s.event("$connect")
	return c
}

func (s *stage) post(c *wstest.Client, text string) error {
	return s.api.Post(s.t.Context(), to(c.ID()), []byte(text))
}
