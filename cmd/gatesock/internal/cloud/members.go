package cloud

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

// membersTime bounds how long the tables may take.
const membersTime = 3 * time.Second

// Members returns the user and the groups of a connection, if a table of the project has its record
// as package dynamo writes it, in the namespace "". Without a record it returns neither.
func (c *Cloud) Members(ctx context.Context, connectionID string) (user string, groups []string, err error) {
	if c.tables == nil {
		return "", nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, membersTime)
	defer cancel()
	for _, t := range c.cfg.Project.Tables {
		if !isOurs(t) {
			continue
		}
		r, err := dynamo.Open(c.tables, t.Name).Connections().Record(ctx, connectionID)
		switch {
		case errors.Is(err, conn.ErrNotFound):
		case err != nil:
			return "", nil, err
		default:
			return r.User, r.Groups, nil
		}
	}
	return "", nil, nil
}

// isOurs reports whether a table has the keys of package dynamo.
func isOurs(t project.Table) bool {
	ours := dynamo.Need("TABLE").Table
	if t.Create == nil || len(t.Create.KeySchema) != 2 {
		return false
	}
	return aws.ToString(t.Create.KeySchema[0].AttributeName) == ours.PartitionKey &&
		aws.ToString(t.Create.KeySchema[1].AttributeName) == ours.SortKey
}
