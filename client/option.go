package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Option configures a [Client]. Options are given to [Connect] and [New]. They panic if their
// argument is impossible, such as nil or a negative number.
type Option interface{ apply(*settings) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

type settings struct {
	credentials []func(*http.Request) error
	signers     []func(*http.Request) error
	protocols   []string
	idempotent  []string
	keepAlive   time.Duration
	keepAction  string
	maxQueue    int
	http        *http.Client
	logger      *slog.Logger
}

func newSettings(opts []Option) settings {
	var s settings
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("client: New: option %d must not be nil", i))
		}
		o.apply(&s)
	}
	if s.http == nil {
		s.http = newHTTPClient()
	}
	return s
}

// WithToken sends a token with each handshake, as the subprotocol "bearer.TOKEN", as browsers have
// to: a server whose source is authz.SubprotocolToken takes it from there. For a token in the
// header Authorization use [WithRequest].
//
// fetch is called before each attempt to connect, and should return a token that is still valid
// then, without spaces, commas and control characters. Its context ends when the attempt takes too
// long and when the client is closed. If it fails or panics, the attempt has failed, and the error
// is a problem. It must be safe for concurrent use, and it must not call [Client.Close], which
// waits for it.
func WithToken(fetch func(ctx context.Context) (string, error)) Option {
	if fetch == nil {
		panic("client: WithToken: fetch must not be nil")
	}
	return option(func(s *settings) {
		s.credentials = append(s.credentials, func(r *http.Request) error {
			token, err := fetch(r.Context())
			if err != nil {
				return fmt.Errorf("fetching a token: %w", err)
			}
			if !isToken(token) {
				return errors.New("the token is empty, or has characters that a subprotocol cannot have")
			}
			r.Header.Add(protocolHeader, "bearer."+token)
			return nil
		})
	})
}

// isToken reports whether a token can be a part of a subprotocol. Its characters are ASCII, without
// those that end a subprotocol in a list of them.
func isToken(token string) bool {
	return token != "" && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' })
}

// WithTicket sends a ticket with each handshake, as the query parameter "ticket", where
// authz.Tickets look for it. A ticket is valid for one attempt; fetch is called as that of
// [WithToken].
func WithTicket(fetch func(ctx context.Context) (string, error)) Option {
	if fetch == nil {
		panic("client: WithTicket: fetch must not be nil")
	}
	return option(func(s *settings) {
		s.credentials = append(s.credentials, func(r *http.Request) error {
			ticket, err := fetch(r.Context())
			if err != nil {
				return fmt.Errorf("fetching a ticket: %w", err)
			}
			query := r.URL.Query()
			query.Set("ticket", ticket)
			r.URL.RawQuery = query.Encode()
			return nil
		})
	})
}

// WithRequest calls prepare with the request of each handshake, for headers and query parameters:
//
//	client.WithRequest(func(r *http.Request) error {
//		token, err := tokens.Fetch(r.Context())
//		r.Header.Set("Authorization", "Bearer "+token)
//		return err
//	})
//
// prepare is called as the function of [WithToken]. The headers of the WebSocket protocol itself
// are added later.
func WithRequest(prepare func(r *http.Request) error) Option {
	if prepare == nil {
		panic("client: WithRequest: prepare must not be nil")
	}
	return option(func(s *settings) { s.credentials = append(s.credentials, prepare) })
}

// WithSigner calls sign with the request of each handshake, after the functions of all other
// options. It is for signatures, which have to be made of the request as it is sent. Package iam
// has one for routes with IAM authorization.
func WithSigner(sign func(r *http.Request) error) Option {
	if sign == nil {
		panic("client: WithSigner: sign must not be nil")
	}
	return option(func(s *settings) { s.signers = append(s.signers, sign) })
}

// WithProtocols offers subprotocols, the application's own, before that of [WithToken]. It panics
// if there is none, or if one is empty.
func WithProtocols(names ...string) Option {
	if len(names) == 0 || slices.Contains(names, "") {
		panic("client: WithProtocols: there must be a name, and none may be empty")
	}
	return option(func(s *settings) { s.protocols = append(s.protocols, names...) })
}

// WithIdempotentActions names actions of which every call is [Idempotent].
func WithIdempotentActions(names ...string) Option {
	return option(func(s *settings) { s.idempotent = append(s.idempotent, names...) })
}

// The bounds of the silence before a keep-alive: the gateway closes a connection after 10 minutes.
const (
	shortestKeepAlive = 10 * time.Second
	longestKeepAlive  = 9 * time.Minute
)

// WithKeepAlive sets how long a connection may be silent, in both directions, before the client
// sends a keep-alive, and up to 1/16 of it more or less at random. The default is 8 minutes. A
// half-open connection is noticed 10 seconds later. It panics if d is not from 10 seconds to 9
// minutes.
func WithKeepAlive(d time.Duration) Option {
	if d < shortestKeepAlive || d > longestKeepAlive {
		panic(fmt.Sprintf("client: WithKeepAlive: %v is not from %v to %v", d, shortestKeepAlive, longestKeepAlive))
	}
	return option(func(s *settings) { s.keepAlive = d })
}

// WithKeepAliveAction sets the action of the keep-alive, which the API should answer itself; see
// gatesock.WithKeepAlive. The default is "keepalive". It panics if the name is empty.
func WithKeepAliveAction(name string) Option {
	if name == "" {
		panic("client: WithKeepAliveAction: name must not be empty")
	}
	return option(func(s *settings) { s.keepAction = name })
}

// WithMaxQueue sets how many calls may wait at the same time, to be sent or for their answers. The
// default is 256. It panics if n is not positive.
func WithMaxQueue(n int) Option {
	if n <= 0 {
		panic(fmt.Sprintf("client: WithMaxQueue: %d is not positive", n))
	}
	return option(func(s *settings) { s.maxQueue = n })
}

// WithHTTPClient sets what makes the handshakes, for proxies, certificates, and tests without a
// network. Its Timeout must be zero, or it would end the connection; WithHTTPClient panics
// otherwise, and if h is nil. The default honors the environment's proxy.
func WithHTTPClient(h *http.Client) Option {
	if h == nil || h.Timeout != 0 {
		panic("client: WithHTTPClient: h must not be nil, and its Timeout must be zero")
	}
	return option(func(s *settings) { s.http = h })
}

// WithLogger sets where problems are logged, at level Warn, and changes of the state, at level
// Debug. The default is what [slog.Default] returns when something is logged. Its handler must not
// use the Client. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("client: WithLogger: l must not be nil")
	}
	return option(func(s *settings) { s.logger = l })
}

// CallOption configures one call.
type CallOption interface{ applyCall(*callSettings) }

type callOption func(*callSettings)

func (o callOption) applyCall(s *callSettings) { o(s) }

type callSettings struct {
	timeout    time.Duration
	expiry     time.Duration
	idempotent bool
	key        string
	randomKey  bool
	lane       string
	result     bool
}

// WithTimeout sets how long to wait for an answer after sending. Then the call is sent again if it
// is [Idempotent], and fails with [ErrUnknownOutcome] otherwise. The default is 30 seconds; the
// gateway itself gives up after 29. It panics if d is not positive.
func WithTimeout(d time.Duration) CallOption {
	if d <= 0 {
		panic(fmt.Sprintf("client: WithTimeout: %v is not positive", d))
	}
	return callOption(func(s *callSettings) { s.timeout = d })
}

// WithExpiry sets how long a call may wait to be sent, also between repeats. Then it fails with
// [ErrExpired], or with [ErrUnknownOutcome] if it was sent and may have been carried out. The
// default is 5 minutes. It panics if d is not positive.
func WithExpiry(d time.Duration) CallOption {
	if d <= 0 {
		panic(fmt.Sprintf("client: WithExpiry: %v is not positive", d))
	}
	return callOption(func(s *callSettings) { s.expiry = d })
}

// Idempotent declares that to carry out the call twice has the effect of once, so that it may be
// sent again if its answer is lost.
func Idempotent() CallOption { return callOption(func(s *callSettings) { s.idempotent = true }) }

// WithKey adds the member "key" to the request, by which the server recognizes a repeat. The call
// is then [Idempotent]. It panics if key is empty; see [WithRandomKey].
func WithKey(key string) CallOption {
	if key == "" {
		panic("client: WithKey: key must not be empty")
	}
	return callOption(func(s *callSettings) { s.key = key })
}

// WithRandomKey is [WithKey] with a key that is the same only for the repeats of this call.
func WithRandomKey() CallOption { return callOption(func(s *callSettings) { s.randomKey = true }) }

// WithLane makes the call after all earlier ones of the same lane have been answered. Calls without
// a lane overtake each other on their way.
func WithLane(name string) CallOption {
	return callOption(func(s *callSettings) { s.lane = name })
}

// AwaitResult waits for the result that the server sends after it has acknowledged the call, as
// routes of package async do, in place of the acknowledgement. If the connection is lost after the
// acknowledgement, the result is too: the call fails with [ErrUnknownOutcome], or is sent again if
// it is [Idempotent].
func AwaitResult() CallOption { return callOption(func(s *callSettings) { s.result = true }) }

// SubscribeOption configures a [Subscription].
type SubscribeOption interface{ applySubscribe(*subscribeSettings) }

type subscribeOption func(*subscribeSettings)

func (o subscribeOption) applySubscribe(s *subscribeSettings) { o(s) }

type subscribeSettings struct {
	since  *Position
	last   int
	buffer int
}

// WithSince begins after a position, which an earlier [Subscription] of the topic had.
func WithSince(p Position) SubscribeOption {
	return subscribeOption(func(s *subscribeSettings) { s.since = &p })
}

// WithLast begins with the newest n events, if there is no [WithSince] or if the server cannot go
// on from there. The default is 0. It panics if n is negative.
func WithLast(n int) SubscribeOption {
	if n < 0 {
		panic(fmt.Sprintf("client: WithLast: %d is negative", n))
	}
	return subscribeOption(func(s *subscribeSettings) { s.last = n })
}

// WithBuffer sets how many events may wait to be taken. The default is 1,024. It panics if n is not
// positive.
func WithBuffer(n int) SubscribeOption {
	if n <= 0 {
		panic(fmt.Sprintf("client: WithBuffer: %d is not positive", n))
	}
	return subscribeOption(func(s *subscribeSettings) { s.buffer = n })
}

// ValuesOption configures [Values].
type ValuesOption interface{ applyValues(*valuesSettings) }

type valuesOption func(*valuesSettings)

func (o valuesOption) applyValues(s *valuesSettings) { o(s) }

type valuesSettings struct{ filter json.RawMessage }

// WithFilter asks for the values that match a filter, which is encoded as JSON. The server defines
// what it means. WithFilter panics if it cannot be encoded.
func WithFilter(filter any) ValuesOption {
	raw := mustEncode("WithFilter: filter", filter)
	return valuesOption(func(s *valuesSettings) { s.filter = raw })
}

// PresenceOption configures a [Presence].
type PresenceOption interface{ applyPresence(*presenceSettings) }

type presenceOption func(*presenceSettings)

func (o presenceOption) applyPresence(s *presenceSettings) { o(s) }

type presenceSettings struct{ as json.RawMessage }

// maxAs is what docs/protocol.md, section 11, permits.
const maxAs = 256

// WithAs sets what other members see of this client: a value that is encoded as JSON of at most 256
// bytes. WithAs panics if it cannot be encoded or is larger.
func WithAs(as any) PresenceOption {
	raw := mustEncode("WithAs: as", as)
	if len(raw) > maxAs {
		panic(fmt.Sprintf("client: WithAs: as has %d bytes, at most %d", len(raw), maxAs))
	}
	return presenceOption(func(s *presenceSettings) { s.as = raw })
}

func mustEncode(what string, v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("client: %s: %v", what, err))
	}
	return raw
}
