// Package terraform writes plans of deployments as configurations of Terraform, for the provider
// hashicorp/aws.
//
// The text is formatted as "terraform fmt" formats it. Everything that comes from the program is
// quoted, or has been checked by package stack.
package terraform
