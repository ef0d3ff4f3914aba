package fragment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/eventform"
)

// Action is the action of fragments, and the key of their route.
const Action = "fragment"

// MaxCount is how many pieces a message can have.
const MaxCount = 128

// The defaults and the bounds of options. The documentation of the options states them.
const (
	defaultSize     = 256 << 10
	maxSize         = 1 << 20
	defaultMessages = 16
)

// retryAfter is what a client that has too many messages under way is told to wait: most messages
// are complete after that, and have made room.
const retryAfter = time.Second

// Option is an option of [Register].
type Option interface{ apply(j *joiner) }

type option func(j *joiner)

func (o option) apply(j *joiner) { o(j) }

// WithMaxSize sets how many bytes a message may have, in UTF-8, when it is joined. The default is
// 256 KiB. It panics unless it is from 1 byte to 1 MiB.
func WithMaxSize(bytes int) Option {
	if bytes < 1 || bytes > maxSize {
		panic(fmt.Sprintf("fragment: WithMaxSize(%d): it must be from 1 to %d", bytes, maxSize))
	}
	return option(func(j *joiner) { j.limits.Size = bytes })
}

// WithMaxMessages sets how many messages of one connection may be under way: some fragments have
// arrived in the last 5 minutes, and others are missing. The default is 16. It panics unless n is
// positive.
func WithMaxMessages(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("fragment: WithMaxMessages(%d): n must be positive", n))
	}
	return option(func(j *joiner) { j.limits.Messages = n })
}

// WithRouteOptions adds options of the route of fragments, such as guards: with
// [gatesock.DenyByDefault] it needs one. They do not hold for the joined messages, which have
// routes of their own. The route has a codec of its own, and can be neither Raw nor OneWay:
// Register panics then.
func WithRouteOptions(opts ...gatesock.RouteOption) Option {
	return option(func(j *joiner) { j.route = append(j.route, opts...) })
}

// Register adds the route "fragment" to a router, which joins the messages that clients send in
// fragments, and handles them by the other routes of the router. It panics if r or store is nil, if
// there is such a route already, and after the first event.
func Register(r *gatesock.Router, store Store, opts ...Option) {
	if r == nil || store == nil {
		panic("fragment: Register: r and store must not be nil")
	}
	j := &joiner{router: r, store: store, limits: Limits{Size: defaultSize, Messages: defaultMessages}}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("fragment: Register: option %d must not be nil", i))
		}
		o.apply(j)
	}
	j.idName = r.Describe().Envelope.ID
	mustAnswer(j.route)
	j.route = append(j.route, gatesock.WithCodec(gatesock.JSON{}), gatesock.WithMiddleware(withAnswer))
	gatesock.Handle(r, Action, j.handle, j.route...)
}

// mustAnswer panics if options take the frame of an answer away.
func mustAnswer(opts []gatesock.RouteOption) {
	probe := gatesock.New()
	nothing := func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil }
	probe.HandleFunc(Action, nothing, opts...)
	for _, route := range probe.Describe().Routes {
		switch {
		case route.Key != Action:
		case route.Raw:
			panic("fragment: Register: the route cannot be Raw, because clients need the frame of an error")
		case !route.NeedsResponse:
			panic("fragment: Register: the route cannot be OneWay, because its last answer is that of the message")
		}
	}
}

// joiner handles fragments.
type joiner struct {
	router *gatesock.Router
	store  Store
	limits Limits
	route  []gatesock.RouteOption
	idName string // the member that identifies a request
}

// fragment is what a fragment has beside its action and id.
type fragment struct {
	// Index is the place of the piece in its message, from 0.
	Index int `json:"index"`
	// Count is how many pieces the message has.
	Count int `json:"count"`
	// Piece is a piece of the text of the message.
	Piece string `json:"piece"`
}

// Validate returns an error that the client sees.
func (f fragment) Validate() error {
	switch {
	case f.Count < 2 || f.Count > MaxCount:
		return fmt.Errorf(`"count" must be from 2 to %d`, MaxCount)
	case f.Index < 0 || f.Index >= f.Count:
		return errors.New(`"index" must be from 0 to "count" - 1`)
	case f.Piece == "":
		return errors.New(`"piece" must not be empty`)
	}
	return nil
}

// The keys of values in a context.
type (
	answerKey struct{} // *gatesock.Reply, of a fragment
	joinedKey struct{} // the message was joined
)

// withAnswer lets a typed handler answer with a frame that is not its own.
func withAnswer(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		answer := &gatesock.Reply{Silent: true}
		if _, err := next(context.WithValue(ctx, answerKey{}, answer), req); err != nil {
			return nil, err
		}
		return answer, nil
	}
}

// handle keeps a fragment. If its message is complete, the answer is that of the message.
func (j *joiner) handle(ctx context.Context, req *gatesock.Request, f fragment) error {
	switch {
	case ctx.Value(joinedKey{}) != nil:
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "a message in fragments must not be a fragment")
	case req.ID == "":
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "%q is missing; a fragment needs it", j.idName)
	}
	message, err := j.store.Add(ctx, Piece{
		ConnectionID: req.ConnectionID, Message: req.ID, Index: f.Index, Count: f.Count, Data: f.Piece,
	}, j.limits)
	if err != nil {
		return j.refusal(err)
	}
	if message == nil {
		return nil
	}
	if id, ok := event.Member(message, j.idName); ok && id != req.ID {
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "the message has another %q than its fragments", j.idName)
	}
	answer, _ := ctx.Value(answerKey{}).(*gatesock.Reply)
	frame, err := j.dispatch(ctx, req, message)
	if err != nil {
		return err
	}
	answer.Silent, answer.Frame = false, frame
	return nil
}

// refusal returns the error for the client if a store did not keep a piece.
func (j *joiner) refusal(err error) error {
	switch {
	case errors.Is(err, ErrContradiction):
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "the fragment contradicts another one with its %q", j.idName).
			WithCause(err)
	case errors.Is(err, ErrTooLarge):
		return gatesock.Errorf(gatesock.CodeTooLarge, "the message is above the limit of %d bytes", j.limits.Size).
			WithCause(err)
	case errors.Is(err, ErrTooMany):
		return gatesock.Errorf(gatesock.CodeRateLimited, "too many messages in fragments are under way").
			WithRetryAfter(retryAfter).WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("fragment: add: %w", err)
	default:
		return gatesock.Errorf(gatesock.CodeUnavailable, "the fragment could not be kept").WithCause(err)
	}
}

// dispatch hands a message to the router, as the gateway does, and returns the frame that answers
// it; it is empty if nothing does.
func (j *joiner) dispatch(ctx context.Context, fragment *gatesock.Request, message []byte) ([]byte, error) {
	req := *fragment
	req.RouteKey, req.Body = gatesock.RouteDefault, message
	payload, err := eventform.Of(&req)
	if err != nil {
		return nil, fmt.Errorf("fragment: the event of the message: %w", err)
	}
	response, err := j.router.Invoke(context.WithValue(ctx, joinedKey{}, true), payload)
	if err != nil {
		return nil, fmt.Errorf("fragment: the message: %w", err)
	}
	var answer struct {
		Body string `json:"body"`
	}
	if err := json.Unmarshal(response, &answer); err != nil {
		return nil, fmt.Errorf("fragment: the response to the message: %w", err)
	}
	return []byte(answer.Body), nil // not nil, so that nothing else is sent
}
