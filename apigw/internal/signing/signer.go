// Package signing signs requests to the @connections endpoint with AWS Signature Version 4.
//
// A [Signer] signs one kind of request: no query, and the headers host, x-amz-date,
// x-amz-security-token if there is a token, content-type, and content-length if there is a body.
// The result equals that of the SDK's aws/signer/v4 for the same request, byte for byte; a property
// test holds that. Work that requests share is done once: the hash of a payload per message, and
// everything that depends on the second and the credentials in a [Moment].
//
//	signer := signing.New(signing.Config{
//		Region: "eu-west-1", Host: host, Path: "/prod", Retrieve: retrieve,
//	})
//	moment, err := signer.Moment(ctx)
//	if err != nil {
//		return err
//	}
//	header = moment.AppendAuthorization(header, signing.Request{
//		Method: "POST", ConnectionID: id, ContentLength: len(data),
//		PayloadHash: sigv4.HashPayload(data),
//	})
package signing

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// Credentials sign requests. SessionToken is empty for permanent keys.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// validate refuses characters that a header must not have.
func (c Credentials) validate() error {
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return errors.New("the credentials are empty")
	}
	for _, s := range []string{c.AccessKeyID, c.SessionToken} {
		for _, b := range []byte(s) {
			if b <= ' ' || b > '~' {
				return errors.New("the credentials have a character that is not allowed in a header")
			}
		}
	}
	return nil
}

// Config configures a [Signer].
type Config struct {
	// Region is the region of the API.
	Region string
	// Host is the value of the Host header. It has no port if the port is the scheme's default.
	Host string
	// Path is the path before "/@connections" on the wire: escaped, without a trailing slash.
	// It may be empty.
	Path string
	// Retrieve returns the credentials. While requests are signed it is called about once a
	// second, by one goroutine at a time.
	Retrieve func(ctx context.Context) (Credentials, error)
	// Clock returns the time; nil means [time.Now].
	Clock func() time.Time
}

// Signer signs the requests to one endpoint. It is safe for concurrent use.
type Signer struct {
	cfg     Config
	path    string // in its canonical form, up to the connection id
	current atomic.Pointer[Moment]
	// renewing holds a value while a goroutine makes the next moment.
	renewing chan struct{}
}

// New returns a Signer.
func New(cfg Config) *Signer {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	path := sigv4.CanonicalPath(cfg.Path + connections)
	return &Signer{cfg: cfg, path: path, renewing: make(chan struct{}, 1)}
}

// Moment returns what signs a request in the current second. Ask again for each request: a
// broadcast may outlive the credentials that it began with. Moment fails if there are no usable
// credentials, or with the cause of ctx if that ends while it waits for another goroutine to
// retrieve them.
func (s *Signer) Moment(ctx context.Context) (*Moment, error) {
	if m := s.Current(); m != nil {
		return m, nil
	}
	select {
	case s.renewing <- struct{}{}:
		defer func() { <-s.renewing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if m := s.Current(); m != nil { // another goroutine was faster
		return m, nil
	}
	return s.renew(ctx)
}

// Current returns the moment of this second, or nil if [Signer.Moment] has yet to make it. It
// compares wall clocks, so that a process that was frozen, or whose clock was set, does not sign
// with a time in the past.
func (s *Signer) Current() *Moment {
	m := s.current.Load()
	if m == nil || m.second != s.cfg.Clock().Unix() {
		return nil
	}
	return m
}

func (s *Signer) renew(ctx context.Context) (*Moment, error) {
	credentials, err := s.cfg.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("retrieve credentials: %w", err)
	}
	if err := credentials.validate(); err != nil {
		return nil, err
	}
	m := newMoment(s, credentials, s.cfg.Clock())
	s.current.Store(m)
	return m, nil
}
