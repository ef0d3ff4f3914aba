package cloud

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

func (c *Cloud) startStreamMapping(context.Context, project.Mapping, *project.Function, filters) error {
	return errors.New("streams are not read yet")
}
