package workbench

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/describing"
)

// ListenAndServe is [emulator.ListenAndServe] with a workbench, whose address it logs too, with the
// token:
//
//	if gatesock.InLambda() {
//		gatesock.Start(router)
//	}
//	log.Fatal(workbench.ListenAndServe(
//		ctx, "localhost:3001", router, emulator.Config{}, workbench.Config{}))
//
// What handlers log by [log/slog] is in the timeline if the program's default logger has
// [Workbench.LogHandler], which needs [New].
func ListenAndServe(ctx context.Context, addr string, h lambda.Handler, gateway emulator.Config, cfg Config) error {
	if h != nil && describing.On() {
		gatesock.Start(h)
	}
	return listenAndServe(ctx, addr, gateway, cfg, func(gateway emulator.Config) (*emulator.Gateway, error) {
		return emulator.New(h, gateway)
	})
}

// ListenAndServeFunc is [ListenAndServe] for a handler that posts to its own clients, which build
// makes as for [emulator.NewFunc].
func ListenAndServeFunc(
	ctx context.Context, addr string, build func(api gatesock.ConnectionsAPI) (lambda.Handler, error),
	gateway emulator.Config, cfg Config,
) error {
	if build == nil {
		panic("workbench: ListenAndServeFunc: build must not be nil")
	}
	return listenAndServe(ctx, addr, gateway, cfg, func(gateway emulator.Config) (*emulator.Gateway, error) {
		return emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
			h, err := build(api)
			if err == nil && h != nil && describing.On() {
				gatesock.Start(h)
			}
			return h, err
		}, gateway)
	})
}

// errNoPath is the error for an API that has all paths of its server.
var errNoPath = errors.New("workbench: a custom domain without a BasePath has all paths of its server, and leaves none for" +
	" the workbench: set BasePath, or put Workbench.Handler in front of the gateway")

func listenAndServe(
	ctx context.Context, addr string, gateway emulator.Config, cfg Config,
	newGateway func(emulator.Config) (*emulator.Gateway, error),
) error {
	if gateway.CustomDomain && gateway.BasePath == "" {
		return errNoPath
	}
	b, err := New(cfg)
	if err != nil {
		return err
	}
	stage := b.Stage(cmp.Or(gateway.Stage, "local"))
	gw, err := newGateway(stage.Config(gateway))
	if err != nil {
		return err
	}
	later := context.WithoutCancel(ctx)
	if err := stage.Attach(gw); err != nil {
		return errors.Join(err, gw.Shutdown(later))
	}
	server, err := emulator.Serve(ctx, gw, addr)
	if err != nil {
		return errors.Join(err, gw.Shutdown(later))
	}
	logger := cmp.Or(gateway.Logger, slog.Default())
	logger.Info("listening", slog.String("url", server.URL))
	logger.Info("workbench", slog.String("url", b.URL(server.URL)), slog.Uint64("seed", b.Seed()))
	<-ctx.Done()
	return errors.Join(b.Close(later), server.Close(later))
}
