package recipes

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/emulator"
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

// serveReports serves the reports on this machine until ctx ends.
func serveReports(ctx context.Context, addr string, cfg emulator.Config) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	return emulator.ListenAndServeFunc(ctx, addr, func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		queue := async.NewMemoryQueue()
		jobs := async.New(queue, api, async.NewMemoryOutcomes())
		running.Go(func() { queue.Run(ctx, jobs) })
		return newReports(jobs, count), nil
	}, cfg)
}

// count stands for work that takes long.
func count(_ context.Context, year int) (int, error) { return 10 * year, nil }
