package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

// table is what DynamoDB says about a table.
type table struct {
	state   state
	table   *types.TableDescription
	ttl     *types.TimeToLiveDescription
	backups *types.ContinuousBackupsDescription
}

// readTable reads a table.
func (x *examination) readTable(ctx context.Context, name string) error {
	if x.tables[name] != nil {
		return nil
	}
	t := new(table)
	x.tables[name] = t
	x.report.Tables = append(x.report.Tables, name)
	q := question{PartTables, "dynamodb:DescribeTable", fmt.Sprintf("the table %q", name)}
	out, s, err := ask(ctx, x.report, q, x.clients.Tables.DescribeTable, &dynamodb.DescribeTableInput{TableName: &name})
	if t.state = s; err != nil || s == absent {
		return err
	}
	if s == present {
		t.table = out.Table
	}
	q.action = "dynamodb:DescribeTimeToLive"
	ttl, s, err := ask(
		ctx, x.report, q, x.clients.Tables.DescribeTimeToLive, &dynamodb.DescribeTimeToLiveInput{TableName: &name},
	)
	if err != nil {
		return err
	}
	if s == present {
		t.ttl = ttl.TimeToLiveDescription
	}
	q.action = "dynamodb:DescribeContinuousBackups"
	backups, s, err := ask(
		ctx, x.report, q, x.clients.Tables.DescribeContinuousBackups,
		&dynamodb.DescribeContinuousBackupsInput{TableName: &name},
	)
	if s == present {
		t.backups = backups.ContinuousBackupsDescription
	}
	return err
}

// tableFinding adds a finding about a table.
func (x *examination) tableFinding(name string, level Level, check, problem, effect, fix string) {
	x.report.add(Finding{
		Level: level, Part: PartTables, Check: check, Subjects: []string{name}, Problem: problem, Effect: effect, Fix: fix,
	})
}

// checkTable compares a table with the needs that it is for. That it does not exist is a finding of
// the variable that names it.
func (x *examination) checkTable(name string, t *table) {
	if t.state == absent && !x.isNamed(name) {
		x.tableFinding(name, Error, "table-missing", "there is no such table in this region", "Everything that needs it fails.",
			"Check --table, --region and --profile.")
	}
	if t.table != nil {
		x.checkTableItself(name, t.table)
	}
	if b := t.backups; b != nil && (b.PointInTimeRecoveryDescription == nil ||
		b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled) {
		x.tableFinding(name, Warning, "recovery", "point-in-time recovery is off", "What is deleted or overwritten by mistake is lost.",
			"Set PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}.")
	}
	for _, n := range x.app.Needs {
		if n.Table == nil || !slices.Contains(x.values(n, x.target.Tables), name) {
			continue
		}
		if t.table != nil {
			x.checkKeys(name, t.table, *n.Table)
		}
		x.checkTimeToLive(name, t.ttl, n.Table.TimeToLive)
	}
}

// isNamed reports whether a variable of a function names a table.
func (x *examination) isNamed(name string) bool {
	return slices.ContainsFunc(x.app.Needs, func(n describe.Need) bool {
		return n.Kind == string(gatesock.NeedTable) && slices.Contains(x.values(n, nil), name)
	})
}

func (x *examination) checkTableItself(name string, t *types.TableDescription) {
	switch t.TableStatus {
	case types.TableStatusActive, types.TableStatusUpdating:
	default:
		x.tableFinding(name, Error, "table-status", fmt.Sprintf("the table is in the status %s", t.TableStatus),
			"It cannot be read or written.", "Wait, if it is being created. See the status in the DynamoDB console otherwise.")
	}
	if !aws.ToBool(t.DeletionProtectionEnabled) {
		x.tableFinding(name, Note, "deletion-protection", "deletion protection is off", "One command deletes the table with all items.",
			"Set DeletionProtectionEnabled: true.")
	}
	if b := t.BillingModeSummary; b == nil || b.BillingMode == types.BillingModeProvisioned {
		units := t.ProvisionedThroughput
		if units != nil && aws.ToInt64(units.WriteCapacityUnits) > 0 {
			x.tableFinding(name, Note, "capacity", fmt.Sprintf("the table has provisioned capacity: %d read and %d write units",
				aws.ToInt64(units.ReadCapacityUnits), aws.ToInt64(units.WriteCapacityUnits)),
				"A reconnect of many clients is throttled above that.", "Set BillingMode: PAY_PER_REQUEST, or scale with the load.")
		}
	}
}

func (x *examination) checkKeys(name string, t *types.TableDescription, want describe.TableKeys) {
	kinds := map[string]types.ScalarAttributeType{}
	for _, a := range t.AttributeDefinitions {
		kinds[aws.ToString(a.AttributeName)] = a.AttributeType
	}
	got := map[types.KeyType]string{}
	for _, k := range t.KeySchema {
		got[k.KeyType] = aws.ToString(k.AttributeName)
	}
	partition, sort := got[types.KeyTypeHash], got[types.KeyTypeRange]
	typed := kinds[partition] == types.ScalarAttributeTypeS && (sort == "" || kinds[sort] == types.ScalarAttributeTypeS)
	if partition == want.PartitionKey && sort == want.SortKey && typed {
		return
	}
	x.tableFinding(name, Error, "table-keys", fmt.Sprintf("the table has the keys %s, and the application needs %s of type S",
		pair(partition, string(kinds[partition]), sort, string(kinds[sort])), pair(want.PartitionKey, "", want.SortKey, "")),
		"Every read and write fails.", "Keys cannot be changed: make another table, from gatesock template or dynamo/template.json.")
}

// pair returns the keys of a table for a message.
func pair(partition, partitionType, sort, sortType string) string {
	text := partition
	if partitionType != "" {
		text += " (" + partitionType + ")"
	}
	if sort == "" {
		return text
	}
	text += " and " + sort
	if sortType != "" {
		text += " (" + sortType + ")"
	}
	return text
}

func (x *examination) checkTimeToLive(name string, ttl *types.TimeToLiveDescription, want string) {
	if ttl == nil || want == "" {
		return
	}
	const effect = "Items that have expired stay: the table grows, and what is read of it costs more."
	fix := fmt.Sprintf("Set TimeToLiveSpecification: {AttributeName: %s, Enabled: true}.", want)
	got := aws.ToString(ttl.AttributeName)
	switch ttl.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
		if got != want {
			x.tableFinding(name, Error, "ttl", fmt.Sprintf(
				"the time to live is on the attribute %s, and not on %s", got, want,
			), effect,
				fix+" Disable the other one first; a table has one.")
		}
	default:
		x.tableFinding(name, Error, "ttl", "the time to live is off", effect, fix)
	}
}
