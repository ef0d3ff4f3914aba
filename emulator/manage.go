package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/observing"
)

// ErrNotUTF8 is the error for posted data that is not UTF-8. How AWS handles it is not known, and
// all frames that were observed are text. It is an error here so that applications do not rely on
// it.
var ErrNotUTF8 = errors.New("emulator: posted data is not UTF-8")

// errNoRoute is the error for an endpoint that is not the base URL of this API.
var errNoRoute = errors.New("no method found matching the path")

// errBody is the error of a call over HTTP whose body did not arrive.
var errBody = errors.New("the body could not be read")

// Post sends a message to a connection, like POST @connections. It blocks only if it is made
// [Slow]. Its errors are those of [gatesock.Poster] and [ErrNotUTF8].
//
// The endpoint of the target is empty or the base URL of the @connections API of this gateway. Its
// host is not checked. Another stage is [gatesock.ErrForbidden], any other path an error as well.
func (g *Gateway) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	began := g.observedNow()
	err := g.post(ctx, to, data)
	observing.Posted(ctx, err)
	g.observeCall(ctx, http.MethodPost, to, data, began, err)
	if err != nil {
		return fmt.Errorf("emulator: post to %.100q: %w", to.ConnectionID, err)
	}
	return nil
}

// post checks the size before it looks for the connection, so that a front can decide without
// reading a large body.
func (g *Gateway) post(ctx context.Context, to gatesock.Target, data []byte) error {
	if len(data) > gatesock.MaxMessageSize {
		return gatesock.ErrTooLarge
	}
	s, err := g.target(ctx, to)
	if err != nil {
		return err
	}
	if err := s.post(data); err != nil {
		return err
	}
	return s.failDelivered(ctx)
}

// Info returns the times and the identity of a connection, like GET @connections. Its errors are
// those of [Gateway.Post].
func (g *Gateway) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	began := g.observedNow()
	s, err := g.target(ctx, of)
	g.observeCall(ctx, http.MethodGet, of, nil, began, err)
	if err != nil {
		return gatesock.ConnectionInfo{}, fmt.Errorf("emulator: info on %.100q: %w", of.ConnectionID, err)
	}
	return s.Info(), nil
}

// Disconnect closes a connection, like DELETE @connections, with 1000 "Connection Closed Normally"
// (observed: boto3#3789). It does not wait for $disconnect. Its errors are those of [Gateway.Post].
func (g *Gateway) Disconnect(ctx context.Context, from gatesock.Target) error {
	began := g.observedNow()
	s, err := g.target(ctx, from)
	g.observeCall(ctx, http.MethodDelete, from, nil, began, err)
	if err != nil {
		return fmt.Errorf("emulator: disconnecting %.100q: %w", from.ConnectionID, err)
	}
	s.end(closeNormally(), byGateway).start()
	return nil
}

func closeNormally() CloseStatus {
	return CloseStatus{Code: 1000, Reason: "Connection Closed Normally"}
}

// target returns the session that a call is about.
func (g *Gateway) target(ctx context.Context, to gatesock.Target) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := g.checkEndpoint(to.Endpoint); err != nil {
		return nil, err
	}
	if err := g.faults.call(ctx, g.clock, to.ConnectionID); err != nil {
		return nil, err
	}
	return g.find(to.ConnectionID)
}

func (g *Gateway) checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	p := g.config().parsePath(u.Host, u.EscapedPath())
	switch {
	case p.kind == pathForbidden:
		return fmt.Errorf("endpoint %.200q: %w", endpoint, gatesock.ErrForbidden)
	case p.kind != pathStage:
		return fmt.Errorf("endpoint %.200q: %w", endpoint, errNoRoute)
	}
	return nil
}

// find returns the open session with that id. The order of the checks is the precedence of the
// errors.
func (g *Gateway) find(id string) (*Session, error) {
	switch {
	case !g.allow(g.current()):
		return nil, gatesock.ErrThrottled
	case !validID(id):
		return nil, gatesock.ErrBadConnectionID
	}
	s, ok := g.Session(id)
	if !ok {
		return nil, gatesock.ErrGone
	}
	return s, nil
}

func (s *Session) post(data []byte) error {
	if !utf8.Valid(data) {
		return ErrNotUTF8
	}
	err := s.send(data, s.client.Send)
	if err != nil && !errors.Is(err, gatesock.ErrGone) {
		return fmt.Errorf("%w: %w", gatesock.ErrThrottled, err)
	}
	return err
}

// Info returns what [Gateway.Info] returns for the connection, also when it has ended, and without
// being a call: no fault happens to it, and [Config.Observe] gets no event.
func (s *Session) Info() gatesock.ConnectionInfo {
	return gatesock.ConnectionInfo{
		ConnectedAt:  s.connectedAt.UTC().Truncate(time.Millisecond),
		LastActiveAt: s.lastActive().UTC().Truncate(time.Millisecond),
		Identity:     gatesock.Identity{SourceIP: s.sourceIP, UserAgent: s.userAgent},
	}
}

// headerErrorType is the header with the type of an error for SDKs. It matters most for 410, which
// has no body (inferred from how SDKs fail on it: laravel-echo-api-gateway#9, aws-sdk-java#2200).
const headerErrorType = "x-amzn-ErrorType"

// serveConnection serves the @connections API (AWS, API Gateway Management API reference).
func (g *Gateway) serveConnection(w http.ResponseWriter, r *http.Request, to gatesock.Target) {
	began := g.observedNow()
	refused := func(data []byte, err error) { g.observeCall(r.Context(), r.Method, to, data, began, err) }
	if err := g.crossOrigin.Check(r); err != nil {
		refused(nil, gatesock.ErrForbidden)
		g.logger().Warn("@connections call refused", logged("origin", r.Header.Get("Origin")), loggedError(err))
		writeMessage(w, http.StatusForbidden, "ForbiddenException",
			"The emulator refuses @connections calls by web pages of another origin")
		return
	}
	data, err := readBody(w, r)
	switch {
	case err != nil:
		refused(data, fmt.Errorf("%w: %w", errBody, err))
		writeMessage(w, http.StatusBadRequest, "BadRequestException", "The request body could not be read")
		return
	case len(data) > gatesock.MaxMessageSize: // not read to its end, so a signature can't be verified
		refused(data, gatesock.ErrTooLarge)
		writeError(w, to, gatesock.ErrTooLarge)
		return
	case !g.checkSignature(w, r, data):
		refused(data, gatesock.ErrForbidden)
		return
	}
	switch r.Method {
	case http.MethodPost:
		if err = g.Post(r.Context(), to, data); err == nil {
			w.WriteHeader(http.StatusOK)
		}
	case http.MethodGet:
		var info gatesock.ConnectionInfo
		if info, err = g.Info(r.Context(), to); err == nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(appendInfo(nil, info))
		}
	case http.MethodDelete:
		if err = g.Disconnect(r.Context(), to); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	default:
		refused(data, errNoRoute)
		writeNoRoute(w, "@connections/"+to.ConnectionID, r.Method)
	}
	if err != nil {
		writeError(w, to, err)
	}
}

// bodyTimeout is how long a client may take to send the body of a call.
const bodyTimeout = 30 * time.Second

// readBody reads a body, or enough of it to know that it is too large. The timeouts of the server
// can't limit the time for it, since a handler of $connect may take longer.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// It fails for a ResponseWriter without deadlines, which has no client to wait for.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	return io.ReadAll(io.LimitReader(r.Body, gatesock.MaxMessageSize+1))
}

// writeError answers with the status, type and body of an error (docs/gateway-facts.md, §7).
func writeError(w http.ResponseWriter, to gatesock.Target, err error) {
	switch {
	case isForbidden(err):
		writeMessage(w, http.StatusForbidden, "ForbiddenException", messageForbidden)
	case errors.Is(err, gatesock.ErrGone):
		w.Header().Set(headerErrorType, "GoneException")
		w.WriteHeader(http.StatusGone)
	case errors.Is(err, gatesock.ErrBadConnectionID):
		writeMessage(w, http.StatusBadRequest, "BadRequestException", "Invalid connectionId: "+to.ConnectionID)
	case errors.Is(err, gatesock.ErrTooLarge):
		writeMessage(w, http.StatusRequestEntityTooLarge, "PayloadTooLargeException", "Payload is larger than 131072 bytes")
	case errors.Is(err, gatesock.ErrThrottled):
		writeMessage(w, http.StatusTooManyRequests, "LimitExceededException", "Too Many Requests")
	case errors.Is(err, ErrNotUTF8):
		writeMessage(w, http.StatusBadRequest, "BadRequestException", ErrNotUTF8.Error())
	default:
		writeMessage(w, http.StatusInternalServerError, "InternalServerErrorException", messageInternal)
	}
}

// infoTime is the layout of the times that GET returns: ISO 8601 with milliseconds (observed in a
// public capture).
const infoTime = "2006-01-02T15:04:05.000Z"

// appendInfo appends the response to GET. It has null for a missing user agent, which events omit.
func appendInfo(b []byte, i gatesock.ConnectionInfo) []byte {
	stamp := func(t time.Time) { b = append(t.UTC().AppendFormat(append(b, '"'), infoTime), '"') }
	b = append(b, `{"connectedAt":`...)
	stamp(i.ConnectedAt)
	b = jsonscan.AppendString(append(b, `,"identity":{"sourceIp":`...), i.Identity.SourceIP)
	b = append(b, `,"userAgent":`...)
	if i.Identity.UserAgent == "" {
		b = append(b, "null"...)
	} else {
		b = jsonscan.AppendString(b, i.Identity.UserAgent)
	}
	b = append(b, `},"lastActiveAt":`...)
	stamp(i.LastActiveAt)
	return append(b, '}')
}
