package topic

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Authorize decides whether the client of a request may subscribe to a topic: it returns nil if it
// may. Otherwise the client gets the error, usually a [gatesock.Error] with
// [gatesock.CodePermissionDenied] or [gatesock.CodeNotFound]; any other error is logged, and the
// client gets [gatesock.CodeInternal].
//
// A client that is refused is not subscribed, also if it was before. Authorize is called twice for
// each topic of a subscribe: before the membership is written, so that a client that may not
// subscribe never is a member, and afterwards, so that a right that is taken away meanwhile does
// not stay in use. To take a right away, first change what Authorize reads, and then end the
// subscriptions, by [Topics.Unsubscribe] or [broadcast.Broadcaster.Disconnect]. It must be safe for
// concurrent use; the topics of one request are authorized at the same time.
type Authorize func(ctx context.Context, req *gatesock.Request, topic string) error

// AllowAnyone lets every client subscribe to every topic. It is for tests and demonstrations.
func AllowAnyone(context.Context, *gatesock.Request, string) error { return nil }

// routes are the routes of one router.
type routes struct {
	*Topics
	authorize Authorize
}

// Register adds the routes subscribe, unsubscribe, history and sync to a router, and presence if
// there is [WithPresence], and declares the push of presence. docs/protocol.md specifies their
// messages. Events are declared by the application: see [gatesock.DeclarePush]. The connections
// must be registered in the store, which middleware [conn.Track] does.
//
// The options are those of every route, for example guards. The routes have a codec of their own.
// Register panics if r or authorize is nil, if a route with one of the keys is registered already,
// and after the first event.
func (t *Topics) Register(r *gatesock.Router, authorize Authorize, opts ...gatesock.RouteOption) {
	if r == nil {
		panic("topic: Register: r must not be nil")
	}
	if authorize == nil {
		panic("topic: Register: authorize must not be nil; AllowAnyone lets every client subscribe to every topic")
	}
	s := &routes{Topics: t, authorize: authorize}
	mustFrame(opts)
	opts = append(opts[:len(opts):len(opts)], gatesock.WithCodec(gatesock.JSON{}))
	gatesock.HandleReply(r, "subscribe", s.subscribe, opts...)
	gatesock.Handle(r, "unsubscribe", s.unsubscribe, opts...)
	gatesock.HandleReply(r, "history", s.history, opts...)
	gatesock.HandleReply(r, "sync", s.sync, opts...)
	if t.hasPresence() {
		gatesock.HandleReply(r, "presence", s.presence, opts...)
		gatesock.DeclarePush[topicwire.Diff](r, "presence")
	}
}

// mustFrame panics if options take the frame of an answer away.
func mustFrame(opts []gatesock.RouteOption) {
	probe := gatesock.New()
	gatesock.Handle(probe, "probe", func(context.Context, *gatesock.Request, struct{}) error { return nil }, opts...)
	for _, route := range probe.Describe().Routes {
		switch {
		case route.Key != "probe":
		case route.Raw:
			panic("topic: Register: the routes cannot be Raw, because clients need the frame of the answer")
		case !route.NeedsResponse:
			panic("topic: Register: the routes cannot be OneWay, because clients need the answer")
		}
	}
}

// presence answers who is there.
func (s *routes) presence(
	ctx context.Context, req *gatesock.Request, in topicwire.Presence,
) (topicwire.Snapshot, error) {
	if _, err := s.member(ctx, req, in.Topic); err != nil {
		return topicwire.Snapshot{}, err
	}
	snapshot, err := s.snapshot(ctx, in.Topic, in.Cursor, roomFor(in.Topic))
	if err != nil {
		return topicwire.Snapshot{}, failed("the members could not be read", err)
	}
	return snapshot, nil
}

// member returns the record of the request's connection, if it is a member of the topic.
func (s *routes) member(ctx context.Context, req *gatesock.Request, topic string) (conn.Conn, error) {
	c, err := s.store.Get(ctx, req.ConnectionID)
	if err != nil {
		return conn.Conn{}, failed("the subscriptions could not be read", err)
	}
	if _, ok := subscribed(c)[topic]; !ok {
		return conn.Conn{}, gatesock.Errorf(gatesock.CodeFailedPrecondition, "not subscribed to %q", topic)
	}
	return c, nil
}

// failed returns the error for the client if a store or a log has failed.
func failed(what string, err error) error {
	var public *gatesock.Error
	switch {
	case errors.As(err, &public):
		return err
	case errors.Is(err, conn.ErrNotFound):
		return gatesock.Errorf(gatesock.CodeStaleConnection, "the connection is not registered any more; connect again").
			WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("topic: %s: %w", what, err)
	case errors.Is(err, ErrInvalid), errors.Is(err, conn.ErrInvalid):
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "%s: a name is not accepted", what).WithCause(err)
	default:
		return gatesock.Errorf(gatesock.CodeUnavailable, "%s", what).WithCause(err)
	}
}
