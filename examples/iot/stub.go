package iot

import (
	"context"

	"github.com/gatesock/gatesock"
)

func (a *App) commandRoutes(*gatesock.Router) {}

func (a *App) expireCommands(context.Context, string) error { return nil }

func (a *App) pendingOrders(context.Context, string, string) ([]Order, error) { return nil, nil }

func (a *App) takeResult(context.Context, caller, Result) (Command, error) {
	return Command{}, gatesock.Errorf(gatesock.CodeUnavailable, "not yet")
}
