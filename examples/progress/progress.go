package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/broadcast"
)

// Import is a request.
type Import struct {
	Files []string `json:"files"`
}

// Validate refuses what need not begin.
func (i Import) Validate() error {
	if len(i.Files) == 0 {
		return errors.New(`"files" must not be empty`)
	}
	return nil
}

// Progress is pushed to the client that asked. ID is that of its request.
type Progress struct {
	ID   string `json:"id"`
	Done int    `json:"done"`
	Of   int    `json:"of"`
}

// Imported is the result.
type Imported struct {
	Rows int `json:"rows"`
}

// newApp returns an application whose clients can import files. To load one takes long. After a
// fault the import begins anew, up to 4 times, so loading a file twice must do no harm.
func newApp(
	jobs *async.Jobs, b *broadcast.Broadcaster, load func(ctx context.Context, file string) (rows int, err error),
) *gatesock.Router {
	r := gatesock.New()
	r.Use(gatesock.Recover())
	progress := gatesock.DeclarePush[Progress](r, "progress")
	async.HandleReply(r, jobs, "import", func(ctx context.Context, req *gatesock.Request, in Import) (Imported, error) {
		var result Imported
		for i, file := range in.Files {
			rows, err := load(ctx, file)
			if err != nil {
				return result, err
			}
			result.Rows += rows
			p := Progress{req.ID, i + 1, len(in.Files)}
			if _, err := b.Send(ctx, broadcast.ToConnections(req.ConnectionID), progress.Push("", p)); err != nil {
				slog.WarnContext(ctx, "telling how far it is", "error", err) // the work goes on
			}
		}
		return result, nil
	})
	return r
}
