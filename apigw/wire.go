package apigw

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// wire is a way to the gateway.
type wire interface {
	// roundTrip waits for its turn, with a free connection or the right to open one, signs a request, sends it and reads the
	// answer to it. It returns when all of that has ended, or ctx, or when the request's timeout has passed, which
	// runs from the end of the wait.
	//
	// A connection that was idle may have died unnoticed: Lambda purges them. So a request that went out on such a
	// connection, and was answered with not a single byte before the connection broke, is sent once more, after the
	// idle connections were closed. Nothing else is sent twice, and nothing three times. A connection that one request
	// hands straight to the next was not idle.
	roundTrip(ctx context.Context, r *request, a *answer) error

	// CloseIdleConnections closes the connections that no request is using.
	CloseIdleConnections()
}

// request is one call, in a form that both ways to the wire can write.
type request struct {
	to           *endpoint
	method       string
	connectionID string
	payload      *payload      // nil if the method has none
	signer       *sigv4.Signer // nil if it is not signed
	moment       *sigv4.Moment // the same, and before it is
	timeout      time.Duration
}

// sign signs the request for now.
func (r *request) sign(ctx context.Context) (err error) {
	if r.signer == nil {
		return nil
	}
	if r.moment = r.signer.Current(); r.moment == nil {
		if r.moment, err = r.signer.Moment(ctx); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
	}
	return nil
}

// payload is a message and what is to be known of it once.
type payload struct {
	data []byte
	hash sigv4.Hash
	// reader returns another reader of data, for net/http.
	reader func() (io.ReadCloser, error)
}

func newPayload(data []byte) *payload {
	return &payload{
		data:   data,
		hash:   sigv4.HashPayload(data),
		reader: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

const (
	userAgent   = "gatesock"
	contentType = "application/octet-stream"
)

// data returns the body, nil for none.
func (r *request) data() []byte {
	if r.payload == nil {
		return nil
	}
	return r.payload.data
}

// contentType is what the SDK says of a message.
func (r *request) contentType() string {
	if r.payload == nil {
		return ""
	}
	return contentType
}

func (r *request) appendAuthorization(dst []byte) []byte {
	signed := sigv4.Request{
		Method:        r.method,
		ConnectionID:  r.connectionID,
		ContentType:   r.contentType(),
		ContentLength: len(r.data()),
	}
	if r.payload != nil {
		signed.PayloadHash = r.payload.hash
	} else {
		signed.PayloadHash = sigv4.HashPayload(nil)
	}
	return r.moment.AppendAuthorization(dst, signed)
}

// exchange is a request and its answer.
type exchange struct {
	request request
	answer  answer
}

// exchanges lends them out.
type exchanges struct{ pool sync.Pool }

func (e *exchanges) get() *exchange {
	if x, ok := e.pool.Get().(*exchange); ok {
		return x
	}
	return new(exchange)
}

// put takes one back. What it points to is let go: a message is large.
func (e *exchanges) put(x *exchange) {
	*x = exchange{}
	e.pool.Put(x)
}

// buffers lends out room to write requests in.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, 0, 4096)
	return &buf
}

// put takes the room back, with what was appended in it.
func (b *buffers) put(buf *[]byte, used []byte) {
	*buf = used[:0]
	b.pool.Put(buf)
}
