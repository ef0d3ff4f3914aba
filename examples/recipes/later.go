package recipes

import (
	"context"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
)

// Query asks for the report of a year.
type Query struct {
	Year int `json:"year"`
}

// Validate refuses years without data.
func (q Query) Validate() error {
	if q.Year < 2000 {
		return gatesock.Errorf(gatesock.CodeInvalidArgument, "there are no data before 2000")
	}
	return nil
}

// Report is what the client gets later.
type Report struct {
	Year  int `json:"year"`
	Total int `json:"total"`
}

// newReports returns a router with a route whose handler runs in another invocation.
func newReports(jobs *async.Jobs, total func(ctx context.Context, year int) (int, error)) *gatesock.Router {
	r := gatesock.New()
	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
	async.HandleReply(r, jobs, "report", func(ctx context.Context, _ *gatesock.Request, in Query) (Report, error) {
		sum, err := total(ctx, in.Year) // takes minutes
		return Report{Year: in.Year, Total: sum}, err
	})
	return r
}
