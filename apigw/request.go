package apigw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock/apigw/internal/signing"
	"github.com/gatesock/gatesock/internal/sigv4"
)

// EnvironmentCredentials returns the credentials that Lambda sets in the environment:
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary keys, AWS_SESSION_TOKEN (AWS Lambda
// Developer Guide, "Using Lambda environment variables"). The environment is read at each
// retrieval, which fails if a key is not set.
//
// With them, a function that makes no other calls to AWS does not need the config package of the
// SDK, which saves start-up time and size.
func EnvironmentCredentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := aws.Credentials{
			AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
			Source:          "environment",
		}
		if !c.HasKeys() {
			return aws.Credentials{}, errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set")
		}
		return c, nil
	})
}

// retrieve adapts a provider to the signer.
func retrieve(p aws.CredentialsProvider) func(context.Context) (signing.Credentials, error) {
	return func(ctx context.Context) (signing.Credentials, error) {
		c, err := p.Retrieve(ctx)
		return signing.Credentials{
			AccessKeyID:     c.AccessKeyID,
			SecretAccessKey: c.SecretAccessKey,
			SessionToken:    c.SessionToken,
		}, err
	}
}

// request is one call, in a form that every transport can write.
type request struct {
	to           *endpoint
	method       string
	connectionID string
	payload      *payload        // nil if the method has none
	signer       *signing.Signer // nil if the request is not signed
	moment       *signing.Moment // nil until it is signed
	timeout      time.Duration
}

// sign signs the request for the current second.
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

// signBy signs the request before a deadline.
func (r *request) signBy(ctx context.Context, deadline time.Time) error {
	if r.signer == nil {
		return nil
	}
	if r.moment = r.signer.Current(); r.moment != nil { // spares the context
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return r.sign(ctx)
}

const (
	userAgent   = "gatesock"
	contentType = "application/octet-stream"
)

// data returns the body, or nil.
func (r *request) data() []byte {
	if r.payload == nil {
		return nil
	}
	return r.payload.data
}

// contentType returns the type that the SDK sends with a message, or an empty string without one.
func (r *request) contentType() string {
	if r.payload == nil {
		return ""
	}
	return contentType
}

func (r *request) appendAuthorization(dst []byte) []byte {
	signed := signing.Request{
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

// payload is a message with what its posts share.
type payload struct {
	data []byte
	hash sigv4.Hash
	// reader returns a new reader of data, for net/http.
	reader func() (io.ReadCloser, error)
}

func newPayload(data []byte) *payload {
	return &payload{
		data:   data,
		hash:   sigv4.HashPayload(data),
		reader: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// exchange is a request and its answer.
type exchange struct {
	request request
	answer  answer
}

// exchanges is a pool of them.
type exchanges struct{ pool sync.Pool }

func (e *exchanges) get() *exchange {
	if x, ok := e.pool.Get().(*exchange); ok {
		return x
	}
	return new(exchange)
}

// put clears x, because a message may be large, and returns it to the pool.
func (e *exchanges) put(x *exchange) {
	*x = exchange{}
	e.pool.Put(x)
}

// buffers is a pool of buffers to write requests to.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, 0, 4096)
	return &buf
}

// put returns buf to the pool. used is buf after appends, which may have made it grow.
func (b *buffers) put(buf *[]byte, used []byte) {
	*buf = used[:0]
	b.pool.Put(buf)
}
