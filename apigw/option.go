package apigw

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The defaults of [New].
const (
	// DefaultTimeout is how long one call may take.
	DefaultTimeout = 10 * time.Second
	// DefaultConcurrency is how many connections to one endpoint are opened and kept.
	DefaultConcurrency = 64
)

// Option changes how a [Client] works.
type Option interface{ apply(*settings) error }

type settings struct {
	timeout     time.Duration
	concurrency int
	httpClient  aws.HTTPClient
}

type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

// WithTimeout sets how long one call may take, from its start to the end of the answer; the default is
// [DefaultTimeout]. An earlier deadline of the caller's context wins. Calls without a deadline were seen
// never to return (observed: aws-sdk-go-v2#1534, aws-sdk-js-v3#6896), so there is no way to have none.
func WithTimeout(d time.Duration) Option {
	return option(func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("apigw: timeout %s is not positive", d)
		}
		s.timeout = d
		return nil
	})
}

// WithConcurrency sets how many connections to one endpoint are opened at most, and kept open while idle;
// the default is [DefaultConcurrency]. Over HTTP/1.1 it is how many calls run at once; others wait, within their
// deadlines. A Lambda environment has 1,024 file descriptors (AWS Lambda Developer Guide, "Lambda quotas").
func WithConcurrency(n int) Option {
	return option(func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("apigw: concurrency %d is below 1", n)
		}
		s.concurrency = n
		return nil
	})
}

// WithHTTPClient sends the requests with c in place of the client's own transport; [WithConcurrency] then
// has no effect. An [*net/http.Client] should not follow redirects.
func WithHTTPClient(c aws.HTTPClient) Option {
	return option(func(s *settings) error {
		if c == nil {
			return fmt.Errorf("apigw: the HTTP client is nil")
		}
		s.httpClient = c
		return nil
	})
}
