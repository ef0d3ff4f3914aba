package doctor

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
)

// The quotas of API Gateway (Amazon API Gateway Developer Guide, "Amazon API Gateway quotas" and
// "Quotas for configuring and running a WebSocket API in API Gateway").
const (
	quotaRate        = "L-8A5B8E43" // requests a second of all APIs, with @connections calls
	quotaBurst       = "L-CDF5615A" // the bucket of it
	quotaConnections = "L-9ED1E49A" // new WebSocket connections a second
)

// smallConcurrency is a quota that new accounts have, and others do not.
const smallConcurrency = 100

// examineQuotas reads the quotas of the account and compares them with the stage's throttles.
func (x *examination) examineQuotas(ctx context.Context) error {
	if err := x.examineConcurrency(ctx); err != nil {
		return err
	}
	rate, err := x.quota(ctx, quotaRate, "requests per second of all APIs with their @connections calls")
	if err != nil {
		return err
	}
	burst, err := x.quota(ctx, quotaBurst, "requests in a burst")
	if err != nil {
		return err
	}
	if _, err := x.quota(ctx, quotaConnections, "new WebSocket connections per second"); err != nil {
		return err
	}
	if x.api.stage == nil || x.api.stage.DefaultRouteSettings == nil {
		return nil
	}
	d := x.api.stage.DefaultRouteSettings
	x.compareThrottle("rate", aws.ToFloat64(d.ThrottlingRateLimit), rate)
	x.compareThrottle("burst", float64(aws.ToInt32(d.ThrottlingBurstLimit)), burst)
	return nil
}

// compareThrottle compares a throttle of the stage with the quota of the account, if it is known.
func (x *examination) compareThrottle(what string, throttle, quota float64) {
	if quota == 0 || throttle <= quota {
		return
	}
	x.report.add(Finding{
		Level: Note, Part: PartQuotas, Check: "throttle-above-quota", Subjects: []string{x.target.Stage},
		Problem: fmt.Sprintf(
			"the stage's default throttle has a %s of %.0f, and the account a quota of %.0f", what, throttle, quota,
		),
		Effect: "The throttle has no effect: the stage can use up the quota, which all APIs and @connections calls share.",
		Fix:    "Lower the throttle, or raise the quota.",
	})
}

// quota returns the value of a quota of API Gateway, 0 if it is not known.
func (x *examination) quota(ctx context.Context, code, name string) (float64, error) {
	on := question{PartQuotas, "servicequotas:GetServiceQuota", "the quotas of API Gateway"}
	service := "apigateway"
	var q *types.ServiceQuota
	out, s, err := ask(ctx, x.report, on, x.clients.Quotas.GetServiceQuota, &servicequotas.GetServiceQuotaInput{
		ServiceCode: &service, QuotaCode: &code,
	})
	switch {
	case err == nil && s == present:
		q = out.Quota
	case err == nil && s == absent: // the account has the default
		on.action = "servicequotas:GetAWSDefaultServiceQuota"
		var standard *servicequotas.GetAWSDefaultServiceQuotaOutput
		get := x.clients.Quotas.GetAWSDefaultServiceQuota
		standard, s, err = ask(ctx, x.report, on, get, &servicequotas.GetAWSDefaultServiceQuotaInput{
			ServiceCode: &service, QuotaCode: &code,
		})
		if err == nil && s == present {
			q = standard.Quota
		}
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil || q == nil || q.Value == nil {
		// Not every partition and network has Service Quotas.
		x.report.leaveOut("the account's quota of " + name)
		return 0, nil
	}
	x.report.Facts = append(x.report.Facts, fmt.Sprintf("quota: %.0f %s", *q.Value, name))
	return *q.Value, nil
}

// examineConcurrency reads how many invocations the account may run at the same time.
func (x *examination) examineConcurrency(ctx context.Context) error {
	on := question{PartQuotas, "lambda:GetAccountSettings", "the concurrency of the account"}
	out, s, err := ask(ctx, x.report, on, x.clients.Functions.GetAccountSettings, &lambda.GetAccountSettingsInput{})
	if err != nil || s != present || out.AccountLimit == nil {
		return err
	}
	all := out.AccountLimit.ConcurrentExecutions
	free := aws.ToInt32(out.AccountLimit.UnreservedConcurrentExecutions)
	x.report.Facts = append(
		x.report.Facts, fmt.Sprintf("quota: %d concurrent invocations, %d of them not reserved", all, free),
	)
	if all < smallConcurrency {
		x.report.add(Finding{
			Level: Warning, Part: PartQuotas, Check: "concurrency",
			Problem: fmt.Sprintf("the account may run %d invocations at the same time", all),
			Effect:  "Handshakes and messages beyond that fail.",
			Fix:     "Request a higher quota: Concurrent executions of Lambda, L-B99A9384. New accounts have a low one.",
		})
	}
	return nil
}
