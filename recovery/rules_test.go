package recovery_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rules says which tests hold the supervisor to what is asked of it. A rule without a test, or a test that is gone, is a failure.
var rules = []struct {
	rule  string
	tests []string
}{
	{"1: a reservation is stored before the restart and given back only on a definite refusal", []string{
		"TestARefusalIsGivenBackAndAnOpenAnswerIsNot", "TestARefusalDoesNotBurnAnAttemptAndAnOpenAnswerDoes", "TestACrashBetweenReservationAndAnswerCounts", "TestARefusalForADayDoesNotExhaust",
	}},
	{"2: window entries leave by age or Acknowledge; a slow flapper is reported", []string{
		"TestFlappingCannotResetTheBudget", "TestSupervisorEndsAFlapperExhausted", "TestASlowFlapperKeepsBeingRestartedAndIsReported", "TestKeepBackoffKeepsTheDelayAfterARecovery", "TestAcknowledge",
	}},
	{"3: exhausted is latched; probes for what time heals; comments and our own keys re-arm nothing", []string{
		"TestExhaustedEnds", "TestAFlapperThatProbesFindAliveIsToldOfAFewTimes", "TestSwitchingOffAndOnKeepsTheBudget",
	}},
	{"4: no automatic log-in with a refused password; one canary for the fingerprint; one restart for what needs a change", []string{
		"TestAuthenticationIsHeldWithoutARestart", "TestCredentialsAreTriedByOneTaskOfOneConnector", "TestAnAcknowledgedFingerprintGoesByCanaryToo", "TestWhatNeedsAPersonGetsOneRestart",
		"TestATaskThatNeedsAPersonDoesNotHoldItsSiblings",
	}},
	{"5: absence is not deletion", []string{"TestAbsenceIsNotDeletion", "TestDeleteAndCreateKeepsTheBudget", "TestASweepThatBrokeOffDecidesNothing"}},
	{"6: zero tasks, ghost and no progress inform; acting is opt-in", []string{
		"TestZeroTasksInformsOnceAndRestartsNothing", "TestRunningOnADeadWorkerInformsOnceAndRestartsNothing", "TestHTTPWorkersCallGoneOnlyWhoHasAnsweredBefore", "TestRunningWithoutProgressInforms",
		"TestZeroTasksIsActedOnOnlyWhereThePolicySaysSo", "TestZeroTasksThatStayEndExhausted", "TestAGhostIsActedOnThroughTheConfigTopic", "TestNoProgressIsActedOnTaskByTask",
		"TestASinkThatNeverMovesEndsExhausted", "TestManyThatDoNotMoveGoByCanary", "TestAStallIsJudgedByWhenItWasLookedAt", "TestASinkThatStandsStillBehindRecordsIsFound",
		"TestMarkersOfTransactionsAreNoRecords", "TestAGroupThatRebalancesIsNotJudged", "TestWhatCannotBeReadIsUnknown", "TestASourceIsJudgedOnlyWhereItIsSaidToBeBusy",
	}},
	{"7: patience after a kill and after an accepted restart", []string{
		"TestAKilledWorkerNeedsNoRestart", "TestAStartThatTakesFourMinutesGetsOneRestart", "TestATaskThatARebalanceStartedIsNotOurs", "TestUnassignedIsWaitedForAndReportedOnceWhenStuck",
		"TestATaskThatFailsDuringARebalanceIsRestartedAfterIt", "TestAnOldStatusRightAfterARestartIsNoRelapse", "TestBehindALoadBalancerThatLagsOneRestartIsEnough",
	}},
	{"8: desired state wins", []string{"TestDesiredStateWins", "TestPausedConnectorsAreLeftAlone", "TestSomebodyPausedItBetweenTheSweepAndTheRestart"}},
	{"9: escalation never restarts a RUNNING task unless the policy allows it", []string{
		"TestOnAClusterZeroTasksComeBackByARestartOfTheConnector", "TestNoProgressIsActedOnTaskByTask", "TestPerTaskRestartsWhereTheVersionNeedsThem",
	}},
	{"10: storms go by canary and ramp, and never lock up", []string{
		"TestAStormOfAThousandIsRestartedByCanaryAndRamp", "TestTheFirstCanaryIsAPoisonRecordAndTheOtherOnesRecover", "TestACanaryThatNeverAnswersDoesNotHoldTheOthersForLong", "TestTheTokenBucketCountsTasks",
		"TestFewConnectorsDoNotWaitForEachOther", "TestAStormOfDifferentFingerprintsGoesByCanaryAndRamp", "TestInACrowdTheFirstCanariesMayBeBeyondHelp", "TestACrowdThatIsBeyondHelpIsNoDeadlockAndNoStorm",
		"TestACrowdThatFailsAgainClosesTheGate", "TestFewWithDifferentCausesDoNotWait",
	}},
	{"11: two supervisors keep one budget", []string{
		"TestTwoSupervisorsOnOneStoreNeverExceedOneBudget", "TestOnlyTheLeaderActsAndTheOtherTakesOver", "TestTwoSupervisorsKilledAtAnyMomentKeepOneBudget", "TestWhoLoadsFencesWhoWroteBefore",
	}},
	{"12: people are told once, in groups, again after hours, and when it ends", []string{
		"TestTwoHundredThatFailTogetherAreThreeNotifications", "TestManyExhaustedTogetherAreOneMessagePerFingerprint", "TestAShortTroubleIsNeverTold", "TestAlertmanagerIsToldAgainEveryMinuteAndOnceWhenItEnds",
		"TestTheWebhookURLIsASecret", "TestWebhookShapes", "TestANotifierIsTriedAgainAndNeverBlocksTheLoop", "TestAnAlertOutlivesARestartOfTheSupervisor", "TestASinkThatAlwaysFailsEndsWithOneNotification",
	}},
	{"13: a store of another cluster is refused; nothing secret is kept or shown; pages are escaped and guarded", []string{
		"TestAStoreOfAnotherClusterOrVersionEndsRun", "TestNoSecretLeavesTheSupervisor", "TestFileStoreIsPrivateAndLeavesNothingBehind", "TestThePageShowsPhaseCauseAndRemedyAndEscapes", "TestTheButtonIsGuarded",
	}},
	{"14: a 401 is blindness, a 403 holds one name", []string{"TestWrongCredentialsAreOneEventAndSlowPolling", "TestForbiddenHoldsThatName"}},
	{"15: the other side is asked first, and one canary speaks for the cluster", []string{
		"TestReachSpendsNothingWhileTheOtherSideIsAway", "TestAnOutageOfThreeDaysWithReachCostsOneRestartEach", "TestAReachProbeThatFailsOrHangsIsUnknown", "TestHoldSpendsNothingAndReleaseIsAtOnce",
	}},
	{"need: a counter that a hiccup cannot wipe", []string{
		"TestPauseDisableAndConfigChangeDoNotWipeTheCounter", "TestTheBudgetSurvivesARestartOfTheSupervisor", "TestAStateFileThatBreaksOffAtAnyByteHoldsEveryWriteThatReturned", "TestAStateThatCannotBeReadMeansHold",
	}},
	{"need: maxRestarts 0 means none", []string{"TestMaxRestartsBelowZeroMeansNone", "TestThePolicyBesideThisProgramIsValid"}},
	{"need: PAUSED, UNASSIGNED, RESTARTING and zero tasks are not health", []string{"TestStatesThatAreNotHealthResetNothing"}},
	{"need: failed tasks, not only the connector, and what was really planned", []string{"TestSupervisorRestartsAFailedTaskAndReportsItsRecovery", "TestOnAClusterAFailedTaskComesBack"}},
	{"need: the same cause again escalates faster", []string{"TestTheSameCauseAgainEscalatesFaster"}},
	{"need: a constant number of requests", []string{"TestSupervisorMakesAConstantNumberOfRequests", "TestSelectionByConfigTakesAConstantNumberOfRequests", "TestALookTakesABoundedNumberOfRequests"}},
	{"need: long outages, at most 40 restarts and 60 minutes, or 10 and 2 with a sign from outside", []string{
		"TestTheDefaultsKeepTheirPromises", "TestPublishedRulesPlayAsDocumented", "TestTheTableInTheDocsIsWhatIsPlayed", "TestFaultsThatMeetManyConnectors",
	}},
	{"need: observe-only, maintenance windows, selection", []string{
		"TestObserveOnlyReportsAndSendsNothing", "TestAMaintenanceWindowRestartsAndTellsNothing", "TestWindows", "TestConfigKeysSelectWhatIsWatched", "TestAConnectorThatIsSwitchedOffIsNotRestartedFromThenOn",
		"TestConfigsThatCannotBeReadRestartNothing",
	}},
	{"need: bad input is an error by name", []string{
		"TestPolicyThatContradictsItselfIsRefusedByName", "TestNewRefusesBadConfigsByName", "TestAFileThatIsNoStateIsRefusedAndLeftAlone", "TestAStateFileThatIsDamagedInTheMiddleIsRefused", "TestAStateOfANewerVersionIsRefused",
	}},
	{"speed: a decision allocates only when it restarts", []string{"TestDecideAllocatesOnlyWhenItRestarts", "BenchmarkDecide", "BenchmarkPassOver10000HealthyConnectors", "BenchmarkFileStoreSaveAmong"}},
}

func TestEveryRuleHasItsTests(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`)
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "../examples/autorestart/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range declared.FindAllStringSubmatch(string(data), -1) {
				there[m[1]] = true
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range rules {
		assert.False(t, seen[r.rule], "twice: %s", r.rule)
		seen[r.rule] = true
		assert.NotEmpty(t, r.tests, r.rule)
		for _, name := range r.tests {
			assert.True(t, there[name], "%s: there is no %s", r.rule, name)
		}
	}
}
