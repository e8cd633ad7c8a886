import { backfillSilverCommand } from './backfill-silver.ts';
import type { Command } from './command.ts';
import { benchCommand } from './bench.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { initCommand } from './init.ts';
import { maintainCommand } from './maintain.ts';
import { openCommand } from './open.ts';
import { pauseCommand, resumeCommand } from './pause.ts';
import { produceCommand } from './produce.ts';
import { quarantineListCommand } from './quarantine-list.ts';
import { quarantineReplayCommand } from './quarantine-replay.ts';
import { quarantineShowCommand } from './quarantine-show.ts';
import { resetCommand } from './reset.ts';
import { runCommand } from './run.ts';
import { schemaPromoteCommand } from './schema-promote.ts';
import { schemaShowCommand } from './schema-show.ts';
import { sqlCommand } from './sql.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { tableChangesCommand } from './table-changes.ts';
import { tableCheckpointCommand } from './table-checkpoint.ts';
import { tableCopyCommand } from './table-copy.ts';
import { tableDescribeCommand } from './table-describe.ts';
import { tableHistoryCommand } from './table-history.ts';
import { tableListCommand } from './table-list.ts';
import { tableReadCommand } from './table-read.ts';
import { tableRestoreCommand } from './table-restore.ts';
import { tableOptimizeCommand } from './table-optimize.ts';
import { tableVacuumCommand } from './table-vacuum.ts';

export const commands: readonly Command[] = [
  startCommand, runCommand, demoCommand, produceCommand,
  tableListCommand, tableDescribeCommand, tableReadCommand, tableHistoryCommand, tableChangesCommand, tableRestoreCommand,
  tableOptimizeCommand, tableVacuumCommand, tableCheckpointCommand, tableCopyCommand, sqlCommand, openCommand,
  quarantineListCommand, quarantineShowCommand, quarantineReplayCommand, backfillSilverCommand, maintainCommand, schemaShowCommand, schemaPromoteCommand, initCommand,
  statusCommand, doctorCommand, pauseCommand, resumeCommand, resetCommand, benchCommand,
];
