package doctor

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Clock compares the clock of this machine with the Date headers of AWS's answers. It is safe for
// concurrent use.
type Clock struct {
	now func() time.Time

	mu     sync.Mutex
	seen   bool
	skew   time.Duration
	margin time.Duration
}

// NewClock returns a Clock that has seen no answers. Now is the machine's clock, such as time.Now.
func NewClock(now func() time.Time) *Clock { return &Clock{now: now} }

// see takes an answer into account. A Date header has whole seconds, and was made somewhere between
// the request and the answer; the answer with the least uncertainty counts.
func (c *Clock) see(sent, received time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	trip := received.Sub(sent)
	skew := sent.Add(trip / 2).Sub(date.Add(time.Second / 2))
	margin := trip/2 + time.Second/2
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen || margin < c.margin {
		c.seen, c.skew, c.margin = true, skew, margin
	}
}

// observe lets a client of the SDK set the clock.
func (c *Clock) observe(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("gatesock.clock", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		sent := c.now()
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && answer.Response != nil {
			c.see(sent, c.now(), answer.Header)
		}
		return out, metadata, err
	}), middleware.After)
}

// Bounds of the difference between clocks.
const (
	// AWS refuses signatures that are more than five minutes from its own time.
	signatureSkew = 5 * time.Minute
	// Tokens have times in whole seconds.
	tokenSkew = time.Second
)

// check adds what the clock says to a report.
func (c *Clock) check(r *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen {
		r.leaveOut("the clock of this machine: no answer of AWS had a date")
		return
	}
	difference := c.skew.Abs().Round(100 * time.Millisecond)
	direction := "ahead of"
	if c.skew < 0 {
		direction = "behind"
	}
	r.Facts = append(r.Facts, fmt.Sprintf("clock of this machine: %s %s that of AWS, accurate to %s",
		difference, direction, c.margin.Round(100*time.Millisecond)))
	f := Finding{
		Level: Warning, Part: PartClock, Check: "clock",
		Problem: fmt.Sprintf("the clock of this machine is %s %s that of AWS", difference, direction),
		Effect:  "Tokens and signatures that are made or checked here are too old, or not valid yet, for the application.",
		Fix:     "Synchronize the clock (NTP).",
	}
	switch sure := c.skew.Abs() - c.margin; {
	case sure > signatureSkew:
		f.Level = Error
		f.Effect = "AWS refuses requests that are signed here: their time may differ by five minutes."
	case sure <= tokenSkew:
		return
	}
	r.add(f)
}
