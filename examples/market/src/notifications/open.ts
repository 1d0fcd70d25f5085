import type { OpenPart } from "warren-example-host";
import { openNotices } from "./notices.ts";
import { notificationsService } from "./service.ts";

/** Notifications on their data in `dataDir`. */
export async function openNotifications(dataDir: string): Promise<OpenPart> {
  const notices = openNotices(dataDir);
  return { service: notificationsService(notices), close: notices.close };
}
