package sigv4

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Credentials are what a request is signed with. The token is empty for keys that do not expire.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// check refuses what can't be written in a header.
func (c Credentials) check() error {
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return errors.New("the credentials are empty")
	}
	for _, s := range []string{c.AccessKeyID, c.SessionToken} {
		for _, b := range []byte(s) {
			if b <= ' ' || b > '~' {
				return errors.New("the credentials have a character that no header may have")
			}
		}
	}
	return nil
}

// Config is what a [Signer] is made of.
type Config struct {
	// Region is the one of the API.
	Region string
	// Host is the value of the Host header: without a port where it is the scheme's default one.
	Host string
	// Path is what is before "/@connections" on the wire: escaped, without a slash at its end, empty for none.
	Path string
	// Retrieve gives the credentials. It is called about once a second while requests are signed, never by two
	// goroutines at once.
	Retrieve func(ctx context.Context) (Credentials, error)
	// Clock gives the time; nil means [time.Now].
	Clock func() time.Time
}

// Signer signs the requests to one endpoint. It is safe for concurrent use.
type Signer struct {
	cfg     Config
	path    string // as it is signed, up to the id
	current atomic.Pointer[Moment]
	// renewing holds a value while a goroutine makes the next moment.
	renewing chan struct{}
}

// New returns a Signer.
func New(cfg Config) *Signer {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Signer{cfg: cfg, path: canonicalBase(cfg.Path), renewing: make(chan struct{}, 1)}
}

// Moment gives what requests of the current second are signed with. Use it for one request and ask again: a
// broadcast may last longer than its first credentials. It fails if there are no usable credentials, or with the
// cause of ctx, which ended while they were retrieved.
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

// Current gives the moment if there is one of this second, and nil if [Signer.Moment] would have to make it. The wall
// clock decides, so that a process that was frozen, or whose clock was set, does not sign with a time gone by.
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
	if err := credentials.check(); err != nil {
		return nil, err
	}
	m := newMoment(s, credentials, s.cfg.Clock())
	s.current.Store(m)
	return m, nil
}
