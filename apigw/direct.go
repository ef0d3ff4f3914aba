package apigw

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/apigw/internal/h1"
	"github.com/gatesock/gatesock/apigw/internal/signing"
)

// directTransport uses the client's own HTTP/1.1 connections to one endpoint. If the endpoint turns
// out to choose HTTP/2, it continues over net/http.
type directTransport struct {
	client   *h1.Client
	fallback transport
	buffers  *buffers
}

func (t *directTransport) CloseIdleConnections() {
	t.client.CloseIdleConnections()
	t.fallback.CloseIdleConnections()
}

func (t *directTransport) roundTrip(ctx context.Context, r *request, a *answer) error {
	place, err := t.client.Wait(ctx)
	if err == nil {
		deadline := time.Now().Add(r.timeout)
		err = t.send(ctx, r, a, place, deadline)
		if r.timeout = time.Until(deadline); r.timeout <= 0 {
			a.timedOut = true
			return err
		}
	}
	if errors.Is(err, h1.ErrHTTP2) {
		return t.fallback.roundTrip(ctx, r, a)
	}
	return err
}

func (t *directTransport) send(
	ctx context.Context, r *request, a *answer, place h1.Place, deadline time.Time,
) error {
	if err := r.signBy(ctx, deadline); err != nil {
		t.client.Leave(place)
		return err
	}
	buf := t.buffers.get()
	wire := appendRequest((*buf)[:0], r)
	defer t.buffers.put(buf, wire)
	var resp h1.Response
	err := t.client.Do(ctx, place, deadline, wire, &resp)
	a.status, a.errorType, a.body, a.sent = resp.Status, resp.ErrorType, resp.Body, resp.Sent
	return err
}

// appendRequest appends a request in HTTP/1.1, header and body.
func appendRequest(dst []byte, r *request) []byte {
	dst = append(dst, r.method...)
	dst = append(dst, ' ')
	dst = signing.AppendPath(dst, r.to.path, r.connectionID)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, r.to.host...)
	dst = append(dst, "\r\nUser-Agent: "+userAgent...)
	if r.method == http.MethodPost {
		dst = append(dst, "\r\nContent-Type: "+contentType+"\r\nContent-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(r.data())), 10)
	}
	if r.moment != nil {
		dst = append(dst, "\r\nX-Amz-Date: "...)
		dst = append(dst, r.moment.Date...)
		if r.moment.Token != "" {
			dst = append(dst, "\r\nX-Amz-Security-Token: "...)
			dst = append(dst, r.moment.Token...)
		}
		dst = append(dst, "\r\nAuthorization: "...)
		dst = r.appendAuthorization(dst)
	}
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, r.data()...)
}
